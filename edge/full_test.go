package edge

import (
	"sync"
	"sync/atomic"
	"testing"

	"spike/edge/buy"
)

// A1: claims come faster than the ledger takes them. While the ledger takes any, buyers wait, and no buyer hears 503. If it takes
// none, buyers hear 503 soon.
func TestA1FullRingWaitsForTheLedger(t *testing.T) {
	for name, answers := range map[string]bool{"the ledger is slow": true, "the ledger is silent": false} {
		t.Run(name, func(t *testing.T) {
			settles := make(chan struct{})
			open := sync.OnceFunc(func() { close(settles) })
			t.Cleanup(open)
			s := testServer(t, testConfig(), &shelf{left: 1 << 30, settles: settles})
			for !full(s) {
			}
			sale := s.sales.Get([]byte("ticket"))
			const crowd = 300
			won := sale.Tally.Read(uint8(buy.Won))
			var all sync.WaitGroup
			var undecided atomic.Int64
			for range crowd {
				all.Go(func() {
					ctx := buyer("/buy/ticket")
					if s.handle(ctx); ctx.Response.StatusCode() == 503 {
						undecided.Add(1)
					}
				})
			}
			if answers {
				open()
			}
			all.Wait()
			won = sale.Tally.Read(uint8(buy.Won)) - won
			no := uint64(undecided.Load())
			if won+no != crowd || answers && no > 0 || !answers && no == 0 { // another CPU's lane may have slots left
				t.Errorf("%d won and %d heard 503 of %d", won, no, crowd)
			}
		})
	}
}

// full sells until no slot is left. It says whether a buy that may wait then hears 503.
func full(s *Server) bool {
	plain := []byte("GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n")
	for used := 1; used > 0; {
		used, _ = s.answerPlain(plain, nil)
	}
	ctx := buyer("/buy/ticket")
	s.handle(ctx)
	return ctx.Response.StatusCode() == 503
}
