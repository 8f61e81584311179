package allotment

import (
	"context"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// Row P9: a sale closes while the store does not answer. After that the edge sells nothing.
func TestP9NothingIsSoldAfterTheSaleHasClosed(t *testing.T) {
	const closes = 1300 * time.Millisecond
	for _, slow := range []time.Duration{0, 300 * time.Millisecond} { // on the way to the store, and the same on the way back
		begun := time.UnixMicro(time.Hour.Microseconds())
		b := newBench(t, ledger.CreateRequest{Total: 1000, Hold: time.Minute, Closes: begun.Add(closes)})
		b.buy()
		b.tick()
		q := pick[ledger.LeaseRequest](b)
		sent := b.clock()
		b.now += slow
		reply, err := execute(b.ledger, q)
		b.now += slow
		b.asked = append(b.asked, b.k.Step(b.clock(), Answer{Call: q, Reply: reply, Err: err, Sent: sent})...)
		if _, o := b.buy(); o != Won {
			t.Fatalf("open: %v", o)
		}
		for silent := b.now; b.now < time.Hour+closes-slow-10*time.Millisecond; b.now += 10 * time.Millisecond {
			b.tick()
			b.asked = nil // no answer
			if b.now%(50*time.Millisecond) != 0 {
				continue
			}
			if _, o := b.buy(); o != Won {
				t.Errorf("%v before the end, silent for %v: %v", time.Hour+closes-b.now, b.now-silent, o)
			}
		}
		for b.now = time.Hour + closes; b.now < time.Hour+2*closes; b.now += 10 * time.Millisecond {
			if s, o := b.buy(); o == Won { // even before the Keeper wakes
				t.Fatalf("sold %v after the end: %+v", b.now-time.Hour-closes, s)
			}
			b.tick()
			b.asked = nil
		}
	}
}

// When the store answers again, unsold units of the leases go back, and buyers hear that the sale has closed.
func TestP9WhatIsLeftGoesBack(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 100, Hold: time.Minute,
		Closes: time.UnixMicro((time.Hour + time.Second).Microseconds())})
	b.fill()
	for range 20 {
		b.run(100 * time.Millisecond)
		b.buy()
	}
	if v := b.a.Verdict(); v == nil || v.Reason != Closed {
		t.Errorf("%+v", v)
	}
	if h := b.head(); h.Leased != 0 || h.Free+h.Pending != 100 {
		t.Errorf("%+v", h)
	}
}

// Row P8: an edge that comes back while the doors are shut renews its leases and sells nothing of them, because the operator was
// told that no edge sells. Once the doors are open it goes on.
func TestP8NothingIsSoldBehindShutDoors(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 1000, Hold: time.Minute})
	b.fill()
	change := func(to string) {
		if _, err := b.ledger.Change(context.Background(), benchSale, ledger.ChangeRequest{To: to}); err != nil {
			t.Fatal(err)
		}
	}
	change("paused")
	for end := b.now + 7*time.Second; b.now < end; b.now += 100 * time.Millisecond {
		b.tick()
		b.asked = nil // the edge hears nothing
		if _, err := b.ledger.Expire(context.Background(), benchSale, 64); err != nil {
			t.Fatal(err)
		}
	}
	if h := b.head(); h.Leased != 0 || h.Limbo == 0 {
		t.Fatalf("%+v", h)
	}
	inHand := b.k.leases[0].Lease // the Lease of a taker that sleeps between two steps
	b.k.polling.busy, b.k.returns.busy = false, false
	b.k.polling.due = b.clock()
	b.tick()
	b.pass(pick[ledger.RenewRequest](b))
	if inHand.term.Load().open(b.clock()) {
		t.Error("who has a serial of it in hand sells it")
	}
	if s, o := b.buy(); o == Won {
		t.Errorf("sold: %+v", s)
	}
	change("open")
	for range 30 {
		b.run(100 * time.Millisecond)
		b.buy()
	}
	if _, o := b.buy(); o != Won {
		t.Errorf("open again: %v", o)
	}
}
