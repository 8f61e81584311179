package edge

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"spike/edge/buy"
)

// A1: claims come faster than the ledger takes them. While the ledger takes none, buyers hear 503 soon. While it takes any,
// buyers wait for room, and no buyer hears 503.
func TestA1FullRingWaitsForTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settles := make(chan struct{})
		s := testServer(t, testConfig(), &shelf{left: 1 << 30, settles: settles})
		for !sellsNoMore(s) {
		}
		const crowd = 300
		sale := s.sales.Get([]byte("ticket"))
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
		synctest.Wait()
		waited := sale.Waiting()
		close(settles)
		all.Wait()
		if won = sale.Tally.Read(uint8(buy.Won)) - won; won != crowd || undecided.Load() > 0 || waited == 0 {
			t.Errorf("%d waited, %d won and %d heard 503 of %d", waited, won, undecided.Load(), crowd)
		}
	})
}

// sellsNoMore sells until no slot is left. It says whether a buy that may wait then hears 503.
func sellsNoMore(s *Server) bool {
	plain := []byte("GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n")
	for said := []byte(`"code":1,`); bytes.Contains(said, []byte(`"code":1,`)); {
		_, said = s.answerPlain(nil, plain, nil)
	}
	ctx := buyer("/buy/ticket")
	s.handle(ctx)
	return ctx.Response.StatusCode() == 503
}
