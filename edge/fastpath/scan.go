// Package fastpath recognises plain buys in raw bytes, before an HTTP parser has seen them. A plain buy is a whole request that
// means the same to every reader: one line, one Host, no body, and headers that cannot change its answer. The HTTP server answers
// every other request. FuzzScan checks that both read the same method, path and host.
package fastpath

import "bytes"

// Request is a plain buy. Its bytes lie in the reader's buffer.
type Request struct {
	Sale  []byte // the rest of the path after /buy/
	Buyer []byte // the value of X-Buyer-Id; nil: there is none
	Key   []byte // the value of Idempotency-Key; nil: there is none
	Size  int    // bytes of the request
	Post  bool   // its method is POST, not GET
}

// Limits of a plain buy. A request beyond them is not wrong, but the HTTP server answers it.
const (
	maxName    = 64  // bytes of a header's name
	maxBuyerID = 256 // bytes, as in package identity
)

var (
	getBuy  = []byte("GET /buy/")
	postBuy = []byte("POST /buy/")
	version = []byte(" HTTP/1.1\r")
)

// Scan reads the request at the beginning of b. plain is false if the request is not plain, or not whole. Then q means nothing.
// Scan does not allocate.
func (q *Request) Scan(b []byte) (plain bool) {
	*q = Request{}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return false
	}
	if q.Sale, q.Post, plain = scanLine(b[:end]); !plain {
		return false
	}
	var seen headers
	for at := end + 1; ; {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 1 || b[at+end-1] != '\r' {
			return false
		}
		if end == 1 {
			q.Size = at + 2
			return seen.host
		}
		if !seen.add(q, b[at:at+end-1]) {
			return false
		}
		at += end + 1
	}
}

// scanLine finds the sale's name in a request line, which comes without its LF.
func scanLine(line []byte) (sale []byte, post, plain bool) {
	rest, get := bytes.CutPrefix(line, getBuy)
	if !get {
		rest, post = bytes.CutPrefix(line, postBuy)
	}
	if !get && !post {
		return nil, false, false
	}
	sale, is := bytes.CutSuffix(rest, version)
	return sale, post, is && len(sale) > 0 && all(sale, inSale)
}

// headers notes which headers have been seen, of those that may be there only once.
type headers struct{ host, length bool }

// add takes a header line of q without its line end. It is false if the line makes the request not plain.
func (h *headers) add(q *Request, line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || colon > maxName {
		return false
	}
	var room [maxName]byte
	name := room[:colon]
	for i, c := range line[:colon] {
		if class[c]&inName == 0 {
			return false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		name[i] = c
	}
	value := bytes.Trim(line[colon+1:], " ")
	if !all(value, inValue) {
		return false
	}
	switch string(name) {
	case "host":
		return once(&h.host) && isHost(value)
	case "x-buyer-id":
		return len(value) > 0 && len(value) <= maxBuyerID && first(&q.Buyer, value)
	case "idempotency-key":
		return len(value) > 0 && first(&q.Key, value)
	case "content-length":
		return once(&h.length) && string(value) == "0"
	case "connection":
		return string(value) == "keep-alive"
	case "accept", "accept-language", "accept-encoding", "user-agent", "cookie", "referer", "cache-control", "pragma", "dnt",
		"if-none-match", "priority", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "sec-ch-ua",
		"sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-gpc", "upgrade-insecure-requests", "x-forwarded-for", "x-forwarded-proto",
		"x-forwarded-host", "x-forwarded-port", "x-real-ip", "x-request-id", "x-requested-with", "forwarded", "via",
		"traceparent", "tracestate":
		return true
	}
	return false
}

func once(seen *bool) bool {
	first := !*seen
	*seen = true
	return first
}

// first notes the only value of a header.
func first(to *[]byte, value []byte) bool {
	missing := *to == nil
	*to = value
	return missing
}

// isHost accepts a name or an IPv4 address, with or without a port.
func isHost(v []byte) bool {
	name, port, has := bytes.Cut(v, []byte{':'})
	return len(name) > 0 && all(name, inHost) && (!has || len(port) > 0 && len(port) <= 5 && all(port, isDigit))
}

// Classes of characters.
const (
	inName  = 1 << iota // of a header: letters, digits, -
	inValue             // visible, and space
	inHost              // letters, digits, - and .
	inSale              // letters, digits, - _ and . in any order, which is more than names of sales may have
	isDigit
)

var class = func() (class [256]byte) {
	for c := byte(' '); c <= '~'; c++ {
		class[c] = inValue
	}
	for c := byte('a'); c <= 'z'; c++ {
		class[c] |= inName | inHost | inSale
		class[c-'a'+'A'] |= inName | inHost | inSale
	}
	for c := byte('0'); c <= '9'; c++ {
		class[c] |= inName | inHost | inSale | isDigit
	}
	class['-'] |= inName | inHost | inSale
	class['.'] |= inHost | inSale
	class['_'] |= inSale
	return class
}()

func all(text []byte, in byte) bool {
	for _, c := range text {
		if class[c]&in == 0 {
			return false
		}
	}
	return true
}
