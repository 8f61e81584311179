//go:build !race

package edge

import (
	"testing"
	"time"

	"spike/edge/buy"
)

// A buy before the opening allocates nothing, in both formats.
func TestRefusalBeforeTheOpeningAllocatesNothing(t *testing.T) {
	for method, uri := range map[string]string{"GET": "/buy/ticket", "POST": "/v1/sales/ticket/reservations"} {
		s := testServer(t, testConfig(), &shelf{opens: time.Now().Add(time.Hour).UnixMicro()})
		ctx := buyer(uri)
		ctx.Request.Header.SetMethod(method)
		for range 2000 {
			s.serveOne(ctx)
		}
		time.Sleep(100 * time.Millisecond)
		if n := allocated(5000, func() { s.serveOne(ctx) }); n > 5000/50 {
			t.Errorf("%s: %d allocations in 5000 buys", uri, n)
		}
		if n := s.sales.Get([]byte("ticket")).Tally.Read(uint8(buy.Unopened)); n < 5000 {
			t.Errorf("%s: %d heard that it is not open", uri, n)
		}
	}
}

// allocated is how many allocations n buys make together. testing.AllocsPerRun would divide and round down.
func allocated(n int, buy func()) int {
	return int(testing.AllocsPerRun(1, func() {
		for range n {
			buy()
		}
	}))
}

// Row D16: won and lost buys allocate nothing in the whole handler. Nothing is settled meanwhile, because settling allocates. The
// Keeper's other work is for hundreds of buys, so one allocation in fifty buys would show.
func TestBuyAllocatesNothing(t *testing.T) {
	const buys = 3_000 // four times as many, and those before, are fewer than the ring's slots
	for name, stock := range map[string]uint64{"won": 1 << 30, "sold out": 1} {
		t.Run(name, func(t *testing.T) {
			settles := make(chan struct{})
			s := testServer(t, testConfig(), &shelf{left: stock, settles: settles})
			t.Cleanup(func() { close(settles) })
			ctx := buyer("/buy/ticket")
			for range 2000 {
				s.serveOne(ctx)
			}
			time.Sleep(100 * time.Millisecond)
			if n := allocated(buys, func() { s.serveOne(ctx) }); n > buys/50 {
				t.Errorf("%d allocations in %d buys", n, buys)
			}
			request, room := []byte("GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n"), make([]byte, 0, 1<<10)
			if n := allocated(buys, func() { s.answerPlain(near, request, room) }); n > buys/50 {
				t.Errorf("%d allocations in %d buys on the fast path", n, buys)
			}
			won := s.sales.Get([]byte("ticket")).Tally.Read(uint8(buy.Won))
			if name == "won" && won < 4*buys || name == "sold out" && won != 1 {
				t.Errorf("%d won", won)
			}
		})
	}
}

// A loser under a key allocates nothing either: who it is and that it is no repeat is told from its bytes.
func TestKeyedLoserAllocatesNothing(t *testing.T) {
	const buys = 4_000
	s := plainWorld(t, testConfig())
	s.serveOne(buyer("/buy/one"))
	awaitSoldOut(t, s)
	in, room, used := []byte(keyedRequest("/buy/one", "bob", "k")), make([]byte, 0, 1<<10), 0
	if n := allocated(buys, func() { used, _ = s.answerPlain(near, in, room) }); n > buys/50 || used != len(in) {
		t.Errorf("%d allocations in %d buys, the last of %d bytes", n, buys, used)
	}
}
