package sales

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
)

// drawer is a store that takes entries, slowly, and counts its calls.
type drawer struct {
	ledger.Store
	mu       sync.Mutex
	calls    int
	at, most int // calls at a time: now, and the most so far
	entered  map[ledger.Buyer]int
	largest  int
	era      uint64
}

func (d *drawer) EnterDraw(_ context.Context, _ string, q ledger.EnterRequest) (ledger.EnterReply, error) {
	d.mu.Lock()
	d.calls++
	d.at++
	d.most, d.largest = max(d.most, d.at), max(d.largest, len(q.Buyers))
	if d.entered == nil {
		d.entered = map[ledger.Buyer]int{}
	}
	for _, b := range q.Buyers {
		d.entered[b]++
	}
	d.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at--
	return ledger.EnterReply{Head: ledger.Head{State: ledger.Drawing, Era: d.era}, Entered: true}, nil
}

func (d *drawer) Renew(context.Context, string, ledger.RenewRequest) (ledger.RenewReply, error) {
	return ledger.RenewReply{Head: ledger.Head{Birth: 7, Total: 1}}, nil
}

func buyerNo(i int) ledger.Buyer {
	return ledger.Buyer{1, byte(i >> 16), byte(i >> 8), byte(i)}
}

// enterAll enters all buyers at the same time, each over so many connections.
func (s *Registry) enterAll(t *testing.T, sale *Sale, from, to, connections int) {
	t.Helper()
	var all sync.WaitGroup
	for i := from; i < to; i++ {
		for range connections {
			all.Go(func() {
				if sale.Entrants.Has(buyerNo(i), 0) {
					return
				}
				if r, err := sale.Enter(buyerNo(i)); err != nil || !r.Entered {
					t.Errorf("%+v %v", r, err)
				}
			})
		}
	}
	all.Wait()
}

// A buyer with many connections costs the store one entry. Buyers who come together share calls, and few calls are under way at a
// time.
func TestEntriesShareCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &drawer{}
		s := testRegistry(t, d)
		sale, err := s.Find("ticket")
		if err != nil {
			t.Fatal(err)
		}
		s.enterAll(t, sale, 0, 1, 50)
		if d.calls != 1 || d.entered[buyerNo(0)] != 1 {
			t.Errorf("50 connections of one buyer: %d calls", d.calls)
		}
		d.calls = 0
		s.enterAll(t, sale, 0, 1, 50)
		if d.calls != 0 {
			t.Errorf("50 more connections of it: %d calls", d.calls)
		}
		const crowd = 4 * ledger.MaxEntering
		s.enterAll(t, sale, 1, 1+crowd, 2)
		if d.calls > 12 || d.most > maxEnterCalls || d.largest > ledger.MaxEntering || len(d.entered) != crowd+1 {
			t.Errorf("%d buyers: %d calls, %d at once, of %d buyers at the most", len(d.entered), d.calls, d.most, d.largest)
		}
		rounds, coming := sale.gathers().entries, sale.Entrants.coming
		if len(rounds.calls) != 0 || rounds.open != nil || len(coming) != 0 {
			t.Errorf("left: %d calls, %d buyers", len(rounds.calls), len(coming))
		}
	})
}

// The number of remembered buyers is bounded, and an entry counts in its own era only.
func TestEntriesForget(t *testing.T) {
	e := &Entrants{}
	remember := func(i int, era uint64) {
		e.remember([]ledger.Buyer{buyerNo(i)}, era)
	}
	for i := range maxEntered + 1 {
		remember(i, 1)
	}
	if len(e.entered) > maxEntered || !e.Has(buyerNo(maxEntered), 1) || e.Has(buyerNo(0), 1) {
		t.Errorf("%d remembered", len(e.entered))
	}
	if e.Has(buyerNo(maxEntered), 2) {
		t.Error("an entry of another era is believed")
	}
	remember(7, 2)
	if !e.Has(buyerNo(7), 2) || e.Has(buyerNo(maxEntered), 2) {
		t.Error("the new era's entry is not remembered, or the old one's is")
	}
}
