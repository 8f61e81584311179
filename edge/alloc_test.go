//go:build !race

package edge

import (
	"testing"
	"time"
)

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
