//go:build integration

package nginx

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/edge"
	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

const (
	aBuy  = "GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n"
	aPost = "POST /buy/ticket HTTP/1.1\r\nHost: a\r\n"
	// 40 bytes to be smuggled: the first line of the next request becomes its last header
	inside = "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nX-A: "
)

// smuggle is one or several requests that two readers could understand differently. After them the connection sends aLook, whose
// answer differs from any answer of a buy.
var smuggle = []struct {
	name, bytes string
	buys        int // at most: the number that an honest reader finds
}{
	{"two in a row", aBuy + aBuy, 2},
	{"ten in a row", strings.Repeat(aBuy, 10), 10},
	{"a request in a body", aPost + "Content-Length: 37\r\n\r\n" + aBuy, 1},
	{"a request in a chunk", aPost + "Transfer-Encoding: chunked\r\n\r\n25\r\n" + aBuy + "\r\n0\r\n\r\n", 1},
	{"CL.TE", aPost + "Content-Length: 45\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE.CL", aPost + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n28\r\n" + inside + "\r\n0\r\n\r\n", 1},
	{"TE.CL, 0", aPost + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + "5\r\nhello\r\n0\r\n\r\n", 1},
	{"TE twice", aPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 1},
	{"TE twice, obscure first", aPost +
		"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE x", aPost + "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE list", aPost + "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE list, chunked first", aPost + "Transfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE in quotes", aPost + "Transfer-Encoding: \"chunked\"\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE in capitals", aPost + "TRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n", 1},
	{"TE after a tab", aPost + "Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE before a space", aPost + "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n", 1},
	{"TE with a vertical tab", aPost + "Transfer-Encoding:\vchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE folded", aPost + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE, space before the colon", aPost + "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE with an underline", aPost + "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 1},
	{"TE with a null", aPost + "Transfer-Encoding: chunked\x00\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"TE in HTTP/1.0",
		"POST /buy/ticket HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n" +
			"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inside, 1},
	{"lengths that differ", aPost + "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello", 1},
	{"lengths that do not differ", aPost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 1},
	{"a list of lengths", aPost + "Content-Length: 5, 5\r\n\r\nhello", 1},
	{"length +5", aPost + "Content-Length: +5\r\n\r\nhello", 1},
	{"length -1", aPost + "Content-Length: -1\r\n\r\n", 1},
	{"length 0x5", aPost + "Content-Length: 0x5\r\n\r\nhello", 1},
	{"length 5 0", aPost + "Content-Length: 5 0\r\n\r\nhello", 1},
	{"length 05", aPost + "Content-Length: 05\r\n\r\nhello", 1},
	{"no length", aPost + "Content-Length:\r\n\r\nhello", 1},
	{"a length of a GET", "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n" + inside, 1},
	{"a length beyond 64 bits", aPost + "Content-Length: 18446744073709551621\r\n\r\nhello", 1},
	{"length, space before the colon", aPost + "Content-Length : 5\r\n\r\nhello", 1},
	{"length folded", aPost + "X-B: c\r\n Content-Length: 40\r\n\r\n" + inside, 2},
	{"length after a bare LF", aPost + "X-B: c\nContent-Length: 40\r\n\r\n" + inside, 1},
	{"length after a bare CR", aPost + "X-B: c\rContent-Length: 40\r\n\r\n" + inside, 2},
	{"chunk with extension", aPost + "Transfer-Encoding: chunked\r\n\r\n7;a=b\r\n{\"n\":1}\r\n0;x\r\n\r\n", 1},
	{"chunk with an LF in the extension", aPost + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n28\r\n0\r\n\r\n" + inside +
		"\r\n0\r\n\r\n", 2},
	{"chunk of +5", aPost + "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", 1},
	{"chunk of 0x5", aPost + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 1},
	{"chunk of -5", aPost + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", 1},
	{"chunk beyond 64 bits", aPost + "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", 1},
	{"chunks ended with LF", aPost + "Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n" + aBuy, 2},
	{"chunk longer than said", aPost + "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", 1},
	{"chunks with trailers", aPost + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 40\r\nX-Buyer-Id: ann\r\n\r\n" +
		aBuy, 2},
	{"lines ended with LF", "GET /buy/ticket HTTP/1.1\nHost: a\n\n" + aBuy, 2},
	{"a first line ended with CR", "GET /buy/ticket HTTP/1.1\rHost: a\r\n\r\n" + aBuy, 2},
	{"absolute form", "GET http://b/buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n", 1},
	{"absolute form with a line in it",
		"GET http://b/buy/ticket%20HTTP/1.1%0d%0aHost:%20a%0d%0a%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n", 1},
	{"a path with a line in it", "GET /buy/ticket%0d%0aHost:%20a HTTP/1.1\r\nHost: a\r\n\r\n", 1},
	{"a path with a space in it", "GET /buy/ticket HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", 1},
	{"HTTP/0.9", "GET /buy/ticket\r\n" + aBuy, 2},
	{"HTTP/2.0", "GET /buy/ticket HTTP/2.0\r\nHost: a\r\n\r\n" + aBuy, 2},
	{"HTTP/1.2", "GET /buy/ticket HTTP/1.2\r\nHost: a\r\n\r\n" + aBuy, 2},
	{"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + aBuy, 1},
	{"empty lines first", "\r\n\r\n\r\n" + aBuy, 1},
	{"a space first", " " + aBuy, 1},
	{"first header folded", "GET /buy/ticket HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n", 1},
	{"a header without colon", "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 1},
	{"a header without name", "GET /buy/ticket HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 1},
	{"two hosts", "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 1},
	{"no host", "GET /buy/ticket HTTP/1.1\r\n\r\n", 1},
	{"an upgrade", "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + aBuy, 2},
	{"an upgrade to h2c",
		"GET /buy/ticket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
			"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + aBuy, 2},
	{"100-continue", aPost + "Expect: 100-continue\r\nContent-Length: 40\r\n\r\n" + inside, 2},
	{"hop by hop lengths", aPost + "Connection: Content-Length\r\nContent-Length: 40\r\n\r\n" + inside, 1},
	{"a tunnel", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + aBuy, 1},
	{"a trace", "TRACE /buy/ticket HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n" + inside, 1},
	{"a HEAD with a body", "HEAD /buy/ticket HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n" + inside, 1},
}

const aLook = "GET /v1/sales/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

// TestNothingIsSmuggledThroughNginx: however a request is written, the edges count as many buys as nginx answered. Other clients'
// requests on the same connections to the edges stay theirs.
func TestNothingIsSmuggledThroughNginx(t *testing.T) {
	t.Parallel()
	shop := openShop(t, 2)
	via := strings.TrimPrefix(start(t, Topology{Workers: 1, Edges: []Edge{{shop.addrs[0], 1}, {shop.addrs[1], 1}}},
		asRendered), "http://")
	for _, c := range smuggle {
		t.Run(c.name, func(t *testing.T) {
			for _, wrong := range shop.try(t, via, c.bytes, c.buys) {
				t.Error(wrong)
			}
		})
	}
}

// TestNothingIsSmuggledThroughTheGate: a buy that nginx answers with "sold out" may have a body. No edge gets that body, and
// nothing in it is a request.
func TestNothingIsSmuggledThroughTheGate(t *testing.T) {
	shop, dir := openShop(t, 1), gateDir(t)
	via := strings.TrimPrefix(start(t, Topology{Workers: 1, GateDir: dir, Edges: []Edge{{shop.addrs[0], 1}}},
		asRendered), "http://")
	for _, c := range smuggle {
		t.Run(c.name, func(t *testing.T) {
			setFlag(t, dir, "ticket", SoldOut)
			before, told := shop.counted(t), 0
			heard := exchange(t, via, c.bytes+aLook)
			for _, a := range heard {
				if a.buy {
					told++
				}
			}
			if n := shop.counted(t) - before; n != 0 || told > c.buys {
				t.Errorf("%d buys counted, %d told, of at most %d; heard %v", n, told, c.buys, heard)
			}
		})
	}
}

// TestNothingIsSmuggledIntoAnEdge is the same without nginx.
func TestNothingIsSmuggledIntoAnEdge(t *testing.T) {
	shop := openShop(t, 1)
	for _, c := range smuggle {
		t.Run(c.name, func(t *testing.T) {
			for _, wrong := range shop.try(t, shop.addrs[0], c.bytes, c.buys) {
				t.Error(wrong)
			}
		})
	}
}

// TestTheHarnessSeesSmuggling is the control: the harness finds an edge that ignores bodies, through nginx too.
func TestTheHarnessSeesSmuggling(t *testing.T) {
	careless := newCareless(t)
	shop := &shop{addrs: []string{careless.addr}, count: careless.count}
	via := strings.TrimPrefix(start(t, Topology{Workers: 1, Edges: []Edge{{careless.addr, 1}}}, asRendered), "http://")
	for _, c := range smuggle {
		if c.name == "a request in a body" || c.name == "a length of a GET" {
			for _, to := range []string{via, careless.addr} {
				if wrong := shop.try(t, to, c.bytes, c.buys); len(wrong) == 0 {
					t.Errorf("%s at %s: nothing was noticed", c.name, to)
				}
			}
		}
	}
}

// careless is an edge for which a request ends with its headers.
type careless struct {
	addr string
	buys atomic.Int64
}

func newCareless(t *testing.T) *careless {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &careless{addr: l.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { e.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return e
}

func (e *careless) count(*testing.T) int { return int(e.buys.Load()) }

func (e *careless) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	in := textproto.NewReader(bufio.NewReader(c))
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		h, err := in.ReadMIMEHeader()
		if err != nil && len(h) == 0 {
			return
		}
		body := `{"total":100000}`
		if strings.Contains(line, "/buy/") {
			e.buys.Add(1)
			body = `{"code":1}`
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if h.Get("Connection") == "close" {
			return
		}
	}
}

// TestAmbiguousRequestsEndAtEdges: an edge may stand behind another proxy. So it refuses to choose between two lengths, or
// between two readings of a header. A request with both kinds of length is read as RFC 9112 says, and is the last one on its
// connection.
func TestAmbiguousRequestsEndAtEdges(t *testing.T) {
	shop := openShop(t, 1)
	for _, c := range smuggle {
		most, is := ambiguous[c.name]
		if !is {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			before := shop.counted(t)
			heard := exchange(t, shop.addrs[0], c.bytes+aLook)
			if n := shop.counted(t) - before; n > most || len(heard) != 1 || n == 0 && heard[0].status/100 != 4 {
				t.Errorf("%d buys, heard %v", n, heard)
			}
		})
	}
}

// ambiguous says how many buys a request may make at most.
var ambiguous = map[string]int{
	"CL.TE": 1, "TE.CL": 1, "TE.CL, 0": 1, "TE after a tab": 1, "TE folded": 1,
	"TE twice": 0, "TE twice, obscure first": 0, "TE x": 0, "TE list": 0, "TE list, chunked first": 0, "TE in quotes": 0,
	"TE with a vertical tab": 0, "TE, space before the colon": 0, "TE with a null": 0, "TE in HTTP/1.0": 0,
	"lengths that differ": 0, "a list of lengths": 0, "length +5": 0, "length -1": 0, "length 0x5": 0, "length 5 0": 0,
	"no length":               0,
	"a length beyond 64 bits": 0, "length, space before the colon": 0, "chunk of +5": 0, "chunk of 0x5": 0, "chunk of -5": 0,
	"chunk beyond 64 bits": 0, "chunk longer than said": 0, "two hosts": 0, "first header folded": 0,
}

// shop is some edges with one sale.
type shop struct {
	addrs, admins []string
	count         func(*testing.T) int // nil: it asks the operators' side
}

func openShop(t *testing.T, edges int) *shop {
	t.Helper()
	store := memory.New(ledger.DefaultBounds(), time.Now)
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: 100_000}); err != nil {
		t.Fatal(err)
	}
	s := &shop{}
	for range edges {
		addr, admin := rigtest.FreeAddr(t), rigtest.FreeAddr(t)
		s.addrs, s.admins = append(s.addrs, addr), append(s.admins, admin)
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		stopped := make(chan error, 1)
		go func() {
			stopped <- edge.Run(ctx, edge.Config{Listen: addr, Admin: admin, Node: addr, Ack: edge.AckEdge, Lang: "en",
				Lease: 5 * time.Second,
				Grace: time.Second, Bounds: ledger.DefaultBounds(), Trusted: identity.TrustedByDefault()}, store, zerolog.Nop())
		}()
		t.Cleanup(func() {
			stop()
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		})
		s.wait(t, admin)
		exchange(t, addr, "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	return s
}

func (s *shop) wait(t *testing.T, admin string) {
	t.Helper()
	for range 500 {
		if r, err := scrape.Get("http://" + admin + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK && rigtest.Listens(os.Getpid(), admin) == nil {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the edge is not ready")
}

var scrape = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// counted is how many buys the edges have answered.
func (s *shop) counted(t *testing.T) (n int) {
	t.Helper()
	if s.count != nil {
		return s.count(t)
	}
	for _, admin := range s.admins {
		n += int(rigtest.Scrape(t, admin).Sum("spike_buys_total"))
	}
	return n
}

// try sends the bytes, and then looks at the sale over other connections. It returns what is wrong.
func (s *shop) try(t *testing.T, via, sent string, most int) (wrong []string) {
	t.Helper()
	before := s.counted(t)
	heard := exchange(t, via, sent+aLook)
	for range 6 { // others, on the connections to the edges that are left
		if other := exchange(t, via, aLook); len(other) != 1 || other[0].status != http.StatusOK ||
			!bytes.Contains(other[0].body, []byte(`"total":100000`)) {
			wrong = append(wrong, fmt.Sprintf("another one heard %v", other))
		}
	}
	told := 0
	for _, a := range heard {
		if a.buy {
			told++
		}
	}
	if n := s.counted(t) - before; n != told || n > most {
		wrong = append(wrong, fmt.Sprintf("%d buys counted, %d told, of at most %d; heard %v", n, told, most, heard))
	}
	return wrong
}

// patience is enough for an answer that comes at all.
const patience = 2 * time.Second

// heard is one answer.
type heard struct {
	status int
	body   []byte
	buy    bool
}

func (h heard) String() string { return fmt.Sprintf("%d %.60s", h.status, h.body) }

// exchange sends bytes and reads answers to the end of the connection.
func exchange(t *testing.T, addr, sent string) (all []heard) {
	t.Helper()
	c := connect(t, addr)
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	hangUp := time.AfterFunc(patience, func() { _ = c.(*net.TCPConn).CloseWrite() }) // for a reader that waits for more of a body
	defer hangUp.Stop()
	in := bufio.NewReader(c)
	if first, _ := in.Peek(5); len(first) > 0 && string(first) != "HTTP/" { // as in HTTP/0.9: a body and nothing else
		body, _ := io.ReadAll(in)
		return []heard{{http.StatusOK, body, isBuy(body)}}
	}
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return all
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode == http.StatusContinue {
			continue
		}
		hangUp.Reset(patience)
		all = append(all, heard{r.StatusCode, body, r.StatusCode == http.StatusOK && isBuy(body)})
	}
}

func isBuy(body []byte) bool { return bytes.HasPrefix(body, []byte(`{"code":`)) }
