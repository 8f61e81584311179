package crowd

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

// The test servers' janitors sleep for up to 10 s after Shutdown: fasthttp's, not ours.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// serve runs a fasthttp server in this process and returns its base URL.
func serve(t testing.TB, h fasthttp.RequestHandler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fasthttp.Server{Handler: h, Logger: silent{}}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(); <-done })
	return "http://" + l.Addr().String()
}

type silent struct{}

func (silent) Printf(string, ...any) {}

func balanced(t *testing.T, r Result) {
	t.Helper()
	if r.Answered+r.Errors+r.Unsent != r.Requests {
		t.Fatalf("%d answered + %d errors + %d unsent is not %d", r.Answered, r.Errors, r.Unsent, r.Requests)
	}
}

func TestExactlyNReachTheServers(t *testing.T) {
	const requests, sold = 5003, 100
	var got [2]atomic.Int64
	handler := func(i int) fasthttp.RequestHandler {
		return func(c *fasthttp.RequestCtx) {
			if got[i].Add(1) <= sold {
				c.SetBodyString(`{"code":1,"msg":"won","data":{"serial":1}}`)
				return
			}
			c.SetBodyString(`{"code":-1,"msg":"sold out"}`)
		}
	}
	urls := []string{serve(t, handler(0)) + "/buy/a", serve(t, handler(1)) + "/buy/a"}
	var heard atomic.Int64
	var last Progress
	r, err := Run(t.Context(), Options{URLs: urls, Connections: 7, Requests: requests,
		Heard: func(a Answer) {
			heard.Add(1)
			if a.Status != 200 || len(a.Body) == 0 {
				t.Errorf("heard %v", a)
			}
		},
		OnProgress: func(p Progress) { last = p }})
	if err != nil {
		t.Fatal(err)
	}
	balanced(t, r)
	if r.Answered != requests || got[0].Load()+got[1].Load() != requests {
		t.Errorf("answered %d, served %d + %d, want %d", r.Answered, got[0].Load(), got[1].Load(), requests)
	}
	if r.Codes[1] != 2*sold || r.Codes[-1] != requests-2*sold || r.Statuses[200] != requests {
		t.Errorf("codes %v, statuses %v", r.Codes, r.Statuses)
	}
	if heard.Load() != requests || got[0].Load() == 0 || got[1].Load() == 0 {
		t.Errorf("heard %d of %d + %d", heard.Load(), got[0].Load(), got[1].Load())
	}
	if r.Connects != 7 || last.Done != requests || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P99 || r.PerSecond() <= 0 {
		t.Errorf("connects %d, progress %+v, latency %+v", r.Connects, last, r.Latency)
	}
}

func TestBrokenConnectionsAreCountedAndNothingIsSentTwice(t *testing.T) {
	const requests = 400
	var served atomic.Int64
	url := serve(t, func(c *fasthttp.RequestCtx) {
		if served.Add(1)%10 == 0 {
			_ = c.Conn().Close()
		}
	})
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: 4, Requests: requests})
	if err != nil {
		t.Fatal(err)
	}
	balanced(t, r)
	if served.Load() != requests || r.Errors != requests/10 || r.ErrorKinds["closed"] != r.Errors {
		t.Fatalf("served %d, errors %d %v", served.Load(), r.Errors, r.ErrorKinds)
	}
	if r.Connects < 4 || r.Connects > 4+r.Errors {
		t.Fatalf("%d connects", r.Connects)
	}
}

func TestServerThatClosesAfterEveryAnswerIsNoError(t *testing.T) {
	url := serve(t, func(c *fasthttp.RequestCtx) { c.SetConnectionClose() })
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: 2, Requests: 50})
	if err != nil || r.Answered != 50 || r.Connects != 50 {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	r, err := Run(t.Context(), Options{URLs: []string{"http://" + l.Addr().String()}, Connections: 4, Requests: 12})
	if err != nil || r.Errors != 12 || r.ErrorKinds["connect"] != 12 || r.Latency.Max != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(*fasthttp.RequestCtx) { <-release })
	defer close(release)
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: 2, Requests: 2, Timeout: 50 * time.Millisecond})
	if err != nil || r.ErrorKinds["timeout"] != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestCancelCutsOffAndSaysWhatWasNotSent(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(*fasthttp.RequestCtx) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, Options{URLs: []string{url}, Connections: 3, Requests: 1000})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	balanced(t, r)
	if r.Answered != 0 || r.ErrorKinds["cancelled"] != 3 || r.Unsent != 1000-3 || r.Elapsed > 2*time.Second {
		t.Fatalf("%+v", r)
	}
}

func TestTimeIsOverAndWhatWasBegunIsAnswered(t *testing.T) {
	const requests, span = 1 << 40, 500 * time.Millisecond // a busy machine may need a while to begin
	url := serve(t, func(*fasthttp.RequestCtx) {})
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: 3, Requests: requests, For: span})
	if err != nil {
		t.Fatal(err)
	}
	balanced(t, r)
	if r.Answered == 0 || r.Errors != 0 || r.Unsent != requests-r.Answered || r.Elapsed < span {
		t.Fatalf("%+v", r)
	}
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	url := serve(t, func(*fasthttp.RequestCtx) {})
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: 4, Requests: 100, Rate: 1000})
	if err != nil || r.Answered != 100 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Elapsed < 99*time.Millisecond {
		t.Fatalf("100 requests at 1000/s took only %v", r.Elapsed)
	}
}

// A stall must show in the latencies of the requests that were due meanwhile.
func TestOpenLoopLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	const stall = 100 * time.Millisecond
	var first sync.Once
	url := serve(t, func(*fasthttp.RequestCtx) { first.Do(func() { time.Sleep(stall) }) })
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: 1, Requests: 50, Rate: 1000})
	if err != nil || r.Answered != 50 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Latency.P50 < stall/2 {
		t.Fatalf("half of the requests were due during a stall of %v, yet p50 is %v", stall, r.Latency.P50)
	}
}

func TestHeaderMethodAndBody(t *testing.T) {
	var mu sync.Mutex
	buyers := map[string]bool{}
	url := serve(t, func(c *fasthttp.RequestCtx) {
		mu.Lock()
		defer mu.Unlock()
		buyers[string(c.Request.Header.Peek("X-Buyer-Id"))] = true
		if !c.IsPost() || string(c.PostBody()) != "hello" {
			c.SetStatusCode(400)
		}
	})
	r, err := Run(t.Context(), Options{URLs: []string{url}, Connections: 3, Requests: 20, Method: "POST", Body: []byte("hello"),
		Dress: func(n int64, h *fasthttp.RequestHeader) { h.Set("X-Buyer-Id", string(rune('a'+n))) }})
	if err != nil || r.Statuses[200] != 20 || len(buyers) != 20 {
		t.Fatalf("%+v, %v, buyers %d", r, err, len(buyers))
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"no URL":         {Connections: 1, Requests: 1},
		"no connections": {URLs: []string{"http://a"}, Requests: 1},
		"too many":       {URLs: []string{"http://a"}, Requests: 1, Connections: 1 << 20},
		"negative":       {URLs: []string{"http://a"}, Requests: -1, Connections: 1},
		"https":          {URLs: []string{"https://a"}, Requests: 1, Connections: 1},
		"not a URL":      {URLs: []string{"a b"}, Requests: 1, Connections: 1},
	} {
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
