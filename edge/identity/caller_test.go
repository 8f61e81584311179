package identity

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"spike/edge/internal/wiretest"
)

// The headers of a load generator, and of a browser.
const (
	requestOfWrk     = "GET /buy/ticket HTTP/1.1\r\nHost: 127.0.0.1:3005\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n"
	requestOfBrowser = "GET /buy/ticket HTTP/1.1\r\nHost: tickets.example.com\r\nConnection: keep-alive\r\n" +
		"sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) " +
		"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\nAccept: application/json, text/plain, */*\r\n" +
		"X-Requested-With: XMLHttpRequest\r\nReferer: https://tickets.example.com/sale\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n" +
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nIf-None-Match: \"x\"\r\n\r\n"
)

// received is a request's header as fasthttp reads it from the wire. It is false if fasthttp cannot read it.
func received(t testing.TB, request string) (*fasthttp.Request, bool) {
	t.Helper()
	r := &fasthttp.Request{}
	err := r.Read(bufio.NewReaderSize(strings.NewReader(request), 8<<10))
	return r, err == nil
}

func mustReceive(t testing.TB, request string) *fasthttp.Request {
	t.Helper()
	r, ok := received(t, request)
	if !ok {
		t.Fatalf("fasthttp does not read %q", request)
	}
	return r
}

// asking is a request with these header lines, and the peer that sent it.
func asking(t testing.TB, peer string, lines ...string) (*fasthttp.RequestHeader, net.Addr) {
	t.Helper()
	request := "GET /buy/ticket HTTP/1.1\r\nHost: a\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	if len(lines) == 0 {
		request = requestOfWrk
	}
	return &mustReceive(t, request).Header, wiretest.AddressOf(t, peer)
}

func TestPlain(t *testing.T) {
	for request, want := range map[string]bool{
		requestOfWrk:             true,
		requestOfBrowser:         true,
		"GET / HTTP/1.0\r\n\r\n": true,
		"GET / HTTP/1.1\r\nHost: a\r\nX-Buyer-Id: ann\r\n\r\n":             false,
		"GET / HTTP/1.1\r\nx-BUYER-iD: ann\r\nHost: a\r\n\r\n":             false,
		"GET / HTTP/1.1\r\nHost: a\nx-buyer-id: ann\nB: c\r\n\r\n":         false,
		"GET / HTTP/1.1\r\nHost: a\r\nX-Buyer-Id:\r\n\r\n":                 false,
		"GET / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: x\r\n\r\n":            false,
		"GET / HTTP/1.1\r\nHost: a\r\nidempotency-key: x\r\n\r\n":          false,
		"GET / HTTP/1.1\r\nHost: a\r\nX-Buyer-Ids: x\r\n\r\n":              true,
		"GET / HTTP/1.1\r\nHost: a\r\nX-Buyer_Id: x\r\n\r\n":               true,
		"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n X-Buyer-Id: folded\r\n\r\n": true,
		"GET /X-Buyer-Id:x HTTP/1.1\r\nHost: X-Buyer-Id: x\r\n\r\n":        true,
	} {
		if got := Anonymous(&mustReceive(t, request).Header); got != want {
			t.Errorf("%q: %v", request, got)
		}
	}
	var set fasthttp.RequestHeader
	if !Anonymous(&set) {
		t.Error("an empty header is not plain")
	}
	if set.Set("x-buyer-id", "ann"); Anonymous(&set) {
		t.Error("a header that was set, not received, is overlooked")
	}
}

// FuzzAnonymous compares Anonymous with the raw header lines.
func FuzzAnonymous(f *testing.F) {
	for _, block := range []string{"Host: a\r\n", "X-Buyer-Id: a\r\nx-buyer-id:b\r\n", "a: b\r\n\tX-Buyer-Id: c\r\n",
		"x: \rX-Buyer-Id: c\r\n",
		"Authorization : x\r\n", "Idempotency-Key\x00: x\r\n", "IDEMPOTENCY-KEY:\n", "\x00\nauthorization:x\r\n",
		"a b: c\r\nX-Buyer -Id: d\r\n"} {
		f.Add([]byte(block))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		r, ok := received(t, "GET / HTTP/1.1\r\n"+string(block)+"\r\n")
		if !ok {
			return
		}
		times := map[string]int{}
		for name := range r.Header.AllInOrder() {
			times[strings.ToLower(string(name))]++
		}
		buyer, auth, key := times["x-buyer-id"], times["authorization"], times["idempotency-key"]
		if got := Anonymous(&r.Header); got != (buyer+auth+key == 0) {
			t.Errorf("%q: anonymous %v, yet %v", block, got, times)
		}
		caller, err := readCaller(&r.Header)
		if twice := max(buyer, auth, key) > 1; twice != (err != nil) {
			t.Errorf("%q: %v, yet %v", block, err, times)
		}
		if want := (callerPresence{buyer > 0, auth > 0, key > 0}); err == nil && want != presence(caller) {
			t.Errorf("%q: %+v, yet %v", block, caller, times)
		}
	})
}

type callerPresence struct{ buyer, bearer, key bool }

func presence(c callerHeaders) callerPresence {
	return callerPresence{c.buyer != nil, c.bearer != nil, c.key != nil}
}

func TestTwiceIsRefused(t *testing.T) {
	for name, wrong := range map[string]error{headerBuyer: ErrIdentity, headerBearer: ErrIdentity, headerKey: ErrIdempotencyKey} {
		for _, lines := range [][]string{{name + ": a", strings.ToLower(name) + ": a"}, {name + ":", "B: c", name + ":"},
			{name + ":", name + ": a"}} {
			h, _ := asking(t, "127.0.0.1", lines...)
			if Anonymous(h) {
				t.Errorf("%v passes for plain", lines)
			}
			if _, err := readCaller(h); !errors.Is(err, wrong) || !strings.Contains(err.Error(), name) {
				t.Errorf("%v: %v", lines, err)
			}
		}
	}
}

// A trailer comes after the part that a proxy has checked, so it must not name a buyer.
func TestTrailersNameNobody(t *testing.T) {
	const request = "POST /buy/ticket HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" +
		"Trailer: X-Buyer-Id, Idempotency-Key\r\n\r\n" +
		"1\r\na\r\n0\r\nX-Buyer-Id: mallory\r\nIdempotency-Key: 0123456789012345678901234\r\n\r\n"
	r := mustReceive(t, request)
	if got := r.Header.Peek(headerBuyer); string(got) != "mallory" {
		t.Fatalf("Peek says %q: fasthttp has changed, and this test proves nothing", got)
	}
	who, err := NewWho(TrustedByDefault(), nil).Identify(&r.Header, wiretest.AddressOf(t, "127.0.0.1"))
	if err != nil || who.Known || !Anonymous(&r.Header) {
		t.Errorf("%+v %v", who, err)
	}
}

func TestPlainAllocatesNothing(t *testing.T) {
	for _, request := range []string{requestOfWrk, requestOfBrowser} {
		h := &mustReceive(t, request).Header
		if n := testing.AllocsPerRun(100, func() { Anonymous(h) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// Other ways to read the headers were tried. They are slower, and Peek reads trailers too.
func BenchmarkPlain(b *testing.B) {
	ways := map[string]func(*fasthttp.RequestHeader) bool{
		"plain": Anonymous,
		"peek canonical": func(h *fasthttp.RequestHeader) bool {
			return h.PeekCanonical([]byte(headerBuyer)) == nil && h.PeekCanonical([]byte(headerBearer)) == nil &&
				h.PeekCanonical([]byte(headerKey)) == nil
		},
		"peek": func(h *fasthttp.RequestHeader) bool {
			return h.Peek(headerBuyer) == nil && h.Peek(headerBearer) == nil && h.Peek(headerKey) == nil
		},
		"raw lines": func(h *fasthttp.RequestHeader) bool {
			for raw := h.RawHeaders(); len(raw) > 0; {
				switch raw[0] | 0x20 {
				case 'x', 'a', 'i':
					name, _, _ := bytes.Cut(raw, []byte(":"))
					if bytes.EqualFold(name, []byte(headerBuyer)) || bytes.EqualFold(name, []byte(headerBearer)) ||
						bytes.EqualFold(name, []byte(headerKey)) {
						return false
					}
				}
				_, raw, _ = bytes.Cut(raw, []byte("\n"))
			}
			return true
		},
	}
	for way, ask := range ways {
		for from, request := range map[string]string{"wrk": requestOfWrk, "browser": requestOfBrowser} {
			b.Run(way+"/"+from, func(b *testing.B) {
				h := &mustReceive(b, request).Header
				b.ReportAllocs()
				for b.Loop() {
					if !ask(h) {
						b.Fatal("not plain")
					}
				}
			})
		}
	}
}
