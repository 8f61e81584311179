package crowd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

func hostOf(t *testing.T, url string) string {
	t.Helper()
	host, _, err := Split(url)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func TestAskSendsWhatItIsTold(t *testing.T) {
	url := serve(t, func(c *fasthttp.RequestCtx) {
		c.Response.Header.Set("Retry-After", "1")
		c.SetBodyString(string(c.Method()) + " " + string(c.Path()) + " " + string(c.Request.Header.Peek(BuyerHeader)))
	})
	c := NewConn(t.Context(), hostOf(t, url), time.Second, nil)
	defer c.Close()
	if a, err := c.Ask("POST", "/buy/a", BuyerHeader, "ann"); err != nil || a.String() != "200 POST /buy/a ann" || !a.Again() {
		t.Errorf("%v, %v", a, err)
	}
	if a, err := c.Ask("GET", "/buy/b"); err != nil || a.String() != "200 GET /buy/b " || a.Took <= 0 || a.Sent.IsZero() {
		t.Errorf("%v, %v", a, err)
	}
	if c.opened != 1 {
		t.Errorf("opened %d times", c.opened)
	}
}

// A request that was never sent did not buy a unit. One whose connection was closed may have.
func TestUnsentIsToldFromUnanswered(t *testing.T) {
	url := serve(t, func(c *fasthttp.RequestCtx) { _ = c.Conn().Close() })
	c := NewConn(t.Context(), hostOf(t, url), time.Second, nil)
	if _, err := c.Ask("POST", "/"); err == nil || errors.Is(err, ErrUnsent) {
		t.Errorf("cut off: %v", err)
	}
	c.Close()
	if _, err := c.Ask("POST", "/"); !errors.Is(err, ErrUnsent) {
		t.Errorf("after Close: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	nobody := NewConn(t.Context(), l.Addr().String(), time.Second, nil)
	defer nobody.Close()
	if _, err := nobody.Ask("POST", "/"); !errors.Is(err, ErrUnsent) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestCloseAndTheEndOfCtxCutOff(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	url := serve(t, func(*fasthttp.RequestCtx) { asked <- struct{}{}; <-release })
	defer close(release)
	for _, end := range []func(*Conn, func()){func(c *Conn, _ func()) { c.Close() }, func(_ *Conn, cancel func()) { cancel() }} {
		ctx, cancel := context.WithCancel(t.Context())
		c := NewConn(ctx, hostOf(t, url), time.Minute, nil)
		go func() { <-asked; end(c, cancel) }()
		if _, err := c.Ask("POST", "/"); err == nil {
			t.Error("answered")
		}
		c.Close()
		cancel()
	}
}

func TestFromAnAddress(t *testing.T) {
	const connections = 3
	var mu sync.Mutex
	from := map[string]int{}
	url := serve(t, func(c *fasthttp.RequestCtx) {
		mu.Lock()
		defer mu.Unlock()
		from[c.RemoteIP().String()]++
	})
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: connections, Requests: 60,
		From: func(i int) Dial { return From(netip.AddrFrom4([4]byte{127, 1, 0, byte(1 + i)})) }})
	if err != nil || r.Answered != 60 {
		t.Fatalf("%+v, %v", r, err)
	}
	for addr := range from {
		if ip := netip.MustParseAddr(addr); !netip.MustParsePrefix("127.1.0.0/30").Contains(ip) {
			t.Errorf("from %s", addr)
		}
	}
	if len(from) == 0 || len(from) > connections {
		t.Errorf("%v", from)
	}
}

func TestNamedBuyers(t *testing.T) {
	var h fasthttp.RequestHeader
	for n := range int64(3) {
		if Named(n, &h); string(h.Peek(BuyerHeader)) != "b"+strconv.FormatInt(n, 10) {
			t.Errorf("%d: %s", n, h.Peek(BuyerHeader))
		}
	}
}
