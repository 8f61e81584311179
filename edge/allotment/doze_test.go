package allotment

import (
	"context"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// live lets time pass, answers all calls at once, and counts them.
func (b *bench) live(until time.Duration) (calls int) {
	for b.now < until {
		b.tick()
		for len(b.asked) > 0 {
			call := b.asked[0]
			b.asked = b.asked[1:]
			calls++
			reply, err := execute(b.ledger, call)
			b.asked = append(b.asked, b.k.Step(b.clock(), Answer{Call: call, Reply: reply, Err: err, Sent: b.clock()})...)
		}
		b.now += min(max(b.k.Next().Sub(b.clock()), time.Millisecond), until-b.now)
	}
	return calls
}

// A4: a sale has a held unit and no buyers. The edge makes few calls in five minutes, the hold ends in time, and the next buyer
// finds the unit.
func TestA4HeldUnitCostsFewCalls(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 1, Hold: 5 * time.Minute})
	sold := b.now
	r, err := b.ledger.Deduct(context.Background(), benchSale, ledger.DeductRequest{N: 1, Nonce: 1})
	if err != nil || r.Answer != ledger.Granted {
		t.Fatal(r, err)
	}
	b.demand++
	b.k.view.known = false // the edge has no news of that
	b.a.ReportUnmet(1)
	b.live(sold + 10*time.Second)
	if n := b.live(sold + 5*time.Minute - time.Second); n > 25 {
		t.Errorf("%d calls", n)
	}
	pending := func() uint64 {
		shown, err := b.ledger.Show(context.Background(), benchSale)
		if err != nil {
			t.Fatal(err)
		}
		return shown.Pending
	}
	if pending() != 1 {
		t.Error("the hold has ended early")
	}
	b.live(sold + 5*time.Minute + 2*time.Second)
	if pending() != 0 {
		t.Error("the hold has not ended")
	}
	if n := b.live(sold + time.Hour); n > 5 {
		t.Errorf("%d calls for nothing", n)
	}
	b.a.ReportUnmet(1)
	b.live(b.now + 100*time.Millisecond)
	if b.a.Stock() != 1 {
		t.Error("nothing to buy")
	}
}

// After a while without buyers, the first buyer makes the edge tell the ledger how much time has passed. A grant then counts from
// there.
func TestWhoWakesTellsTheTimeFirst(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 9, Hold: 5 * time.Minute})
	r, err := b.ledger.Deduct(context.Background(), benchSale, ledger.DeductRequest{N: 1, Nonce: 1})
	if err != nil || r.Answer != ledger.Granted {
		t.Fatal(r, err)
	}
	began := b.now
	b.k.view.known = false
	b.a.ReportUnmet(1)
	b.live(began + time.Second)
	b.demand++
	for _, c := range []time.Duration{20 * time.Second, 90 * time.Second, 3 * time.Minute} {
		b.live(began + c)
		b.a.ReportUnmet(1)
		b.live(began + c + 10*time.Millisecond)
		shown, err := b.ledger.Show(context.Background(), benchSale)
		if lost := time.Duration(shown.Raw-shown.Now) * time.Microsecond; err != nil || lost > time.Second {
			t.Errorf("after %v: %v are lost %v", c, lost, err)
		}
	}
}
