package edge

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"spike/edge/internal/wiretest"
	"spike/edge/listener"
)

func mustReceive(t testing.TB, request string) *fasthttp.Request {
	t.Helper()
	r := &fasthttp.Request{}
	if err := r.Read(bufio.NewReaderSize(strings.NewReader(request), listener.MaxHeader)); err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return r
}

// from is a request of a peer whom edges trust.
func from(t testing.TB, r *fasthttp.Request) *fasthttp.RequestCtx {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	r.CopyTo(&ctx.Request)
	ctx.Init2(addrOnly{peer: wiretest.AddressOf(t, "127.0.0.1")}, nil, false)
	return ctx
}

// addrOnly is a connection that has only a peer's address.
type addrOnly struct {
	net.Conn
	peer net.Addr
}

func (a addrOnly) RemoteAddr() net.Addr { return a.peer }
func (a addrOnly) LocalAddr() net.Addr  { return a.peer }
