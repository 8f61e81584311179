package allotment

import (
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// Row A1: a settle call is bounded by units, whatever one buyer may ask for. The claims that it leaves behind follow at once.
func TestA1SettleCallsAreBoundedByUnits(t *testing.T) {
	for _, n := range []uint32{1, 7, ledger.MaxUnits} {
		b := newBench(t, ledger.CreateRequest{Total: 100_000})
		sold := uint64(0)
		for range 12 { // buy until many claims wait
			b.a.ReportUnmet(n)
			b.tick()
			for len(b.asked) > 0 {
				b.pass(b.asked[0])
				b.asked = b.asked[1:]
			}
			for b.a.Claims() < 60 {
				s, o := b.a.Take(n, ledger.Buyer{})
				if o != Won {
					break
				}
				sold += uint64(s.Count)
			}
		}
		b.now += linger
		b.tick()
		settled, calls := uint64(0), 0
		for ; b.a.ring.unread() > 0 || len(b.k.claims.batch) > 0; calls++ {
			q := pick[ledger.SettleRequest](b)
			units := unitsIn(q)
			if units >= maxBatch+ledger.MaxUnits {
				t.Errorf("n = %d: %d units in a settle call", n, units)
			}
			settled += units
			b.pass(q) // without time passing
			if calls > 1000 {
				t.Fatal("it never ends")
			}
		}
		if settled > sold {
			t.Errorf("n = %d: %d sold, %d settled", n, sold, settled)
		}
		b.settleDown()
		b.audit()
	}
}

func unitsIn(q ledger.SettleRequest) (n uint64) {
	for _, c := range q.Claims {
		n += uint64(c.Count)
	}
	return n
}

// A batch of claims that a ring left behind is bounded in the same way.
func TestA1LeftClaimsComeInBatchesOfUnits(t *testing.T) {
	var claims []ledger.Claim
	for k := range uint32(1000) {
		claims = append(claims, ledger.Claim{Serial: 100 * k, Count: 1 + k%ledger.MaxUnits})
	}
	seen := 0
	for rest := claims; len(rest) > 0; {
		var some []ledger.Claim
		some, rest = ledger.Batch(rest, 512)
		if n := unitsIn(ledger.SettleRequest{Claims: some}); n >= 512+ledger.MaxUnits || len(some) == 0 {
			t.Fatalf("%d claims of %d units", len(some), n)
		}
		for _, c := range some {
			if c != claims[seen] {
				t.Fatalf("claim %d is %v", seen, c)
			}
			seen++
		}
	}
	if seen != len(claims) {
		t.Errorf("%d of %d claims", seen, len(claims))
	}
}

// Row A7: expired units come back as fast as the store is quick, and no faster.
func TestA7WhatIsOverIsSweptAtThePaceOfTheStore(t *testing.T) {
	for _, c := range []struct{ took, want time.Duration }{
		{0, pollDue}, {time.Millisecond, dueShare * time.Millisecond}, {time.Second, pollNews},
	} {
		b := newBench(t, ledger.CreateRequest{Total: 100})
		b.k.view.Due, b.k.polling.news, b.k.polling.took, b.k.polling.asked = true, true, c.took, b.clock()
		b.k.polling.due = b.clock().Add(time.Minute)
		if got := b.k.pollAt().Sub(b.clock()); got != c.want {
			t.Errorf("a look that took %v is followed after %v, want %v", c.took, got, c.want)
		}
	}
}

// Row P7: the lease call names the number in a row that a buyer waits for.
func TestP7LeaseCallNamesTheRun(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 10_000})
	b.a.ReportUnmet(5)
	b.tick()
	if q := pick[ledger.LeaseRequest](b); q.Run != 5 {
		t.Errorf("%+v", q)
	}
}
