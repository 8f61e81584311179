//go:build !race

package edge

import (
	"testing"
	"time"
)

// Who comes before the opening costs no more, in either voice.
func TestRefusalBeforeTheOpeningAllocatesNothing(t *testing.T) {
	for method, uri := range map[string]string{"GET": "/buy/ticket", "POST": "/v1/sales/ticket/reservations"} {
		s := testServer(t, testConfig(), &shelf{opens: time.Now().Add(time.Hour).UnixMicro()})
		ctx := buyer(uri)
		ctx.Request.Header.SetMethod(method)
		for range 2000 {
			s.serveOne(ctx)
		}
		time.Sleep(100 * time.Millisecond)
		if n := testing.AllocsPerRun(5000, func() { s.serveOne(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations a buy", uri, n)
		}
		if n := s.sales.get([]byte("ticket")).tally.read(unopened); n < 5000 {
			t.Errorf("%s: %d heard that it is not open", uri, n)
		}
	}
}

// The whole handler, won and lost. The Keeper works meanwhile: its few allocations are for hundreds of buys.
func TestBuyAllocatesNothing(t *testing.T) {
	const buys = 10_000 // fewer than the ring holds: here they come faster than any claim is settled
	for name, stock := range map[string]uint64{"won": 1 << 30, "sold out": 1} {
		t.Run(name, func(t *testing.T) {
			s := testServer(t, testConfig(), &shelf{left: stock})
			ctx := buyer("/buy/ticket")
			for range 2000 {
				s.serveOne(ctx)
			}
			time.Sleep(100 * time.Millisecond)
			if n := testing.AllocsPerRun(buys, func() { s.serveOne(ctx) }); n != 0 {
				t.Errorf("%v allocations a buy", n)
			}
			won := s.sales.get([]byte("ticket")).tally.read(won)
			if name == "won" && won < buys || name == "sold out" && won != 1 {
				t.Errorf("%d won", won)
			}
		})
	}
}
