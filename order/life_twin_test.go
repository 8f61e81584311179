package order

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// ledgerLife is one reservation from a lease, in the real ledger's twin.
type ledgerLife struct {
	*shop
	birth uint64
	claim ledger.Claim
}

var us = ledger.Party{Instance: "i", Node: "n"}

const (
	lifeHold = 2 * time.Second
	cover    = 2 * time.Second // for a claim of a sale without hold
)

func newLedgerLife(t *rapid.T, hold time.Duration) *ledgerLife {
	l := &ledgerLife{shop: newShop()}
	fixed := time.UnixMicro(at0)
	store := memory.New(ledger.DefaultBounds(),
		func() time.Time { return fixed.Add(time.Duration(l.ahead.Load())) })
	store.KeepEvents()
	l.Store = store
	if _, err := l.Create(t.Context(), "a", ledger.CreateRequest{Total: 10, Hold: hold}); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Lease(t.Context(), "a", ledger.LeaseRequest{Party: us, Request: 1, Want: 5, Term: time.Minute})
	if err != nil || lease.Grant.Ranges.Len() < 2 {
		t.Fatal(lease, err)
	}
	l.birth = lease.Birth
	l.claim = ledger.Claim{Serial: lease.Grant.Ranges[0].Start, Count: 2, Fence: lease.Grant.Fence, Nonce: 5,
		Expiry: lease.Now + cover.Microseconds(), Buyer: ledger.Buyer{1}}
	return l
}

// ask gives an input to the ledger, and returns its time and its answer.
func (l *ledgerLife) ask(t *rapid.T, in Input) (now int64, says string, free uint64) {
	var r ledger.ReservationReply
	var err error
	switch in {
	case Settle:
		s, err := l.Settle(t.Context(), "a", ledger.SettleRequest{Party: us, Batch: 1, Claims: []ledger.Claim{l.claim}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Now, fmt.Sprint(s.Verdicts[0]), s.Free
	case Sweep:
		s, err := l.Expire(t.Context(), "a", 100)
		if err != nil {
			t.Fatal(err)
		}
		return s.Now, "", s.Free
	case Confirm:
		r, err = l.Confirm(t.Context(), "a", l.birth, l.claim)
	case Cancel:
		r, err = l.Cancel(t.Context(), "a", l.birth, l.claim)
	case Prolong:
		r, err = l.Prolong(t.Context(), "a", l.birth, l.claim, lifeHold/2)
	case Release:
		r, err = l.Release(t.Context(), "a", l.birth, l.claim)
	case Look:
		r, err = l.Reservation(t.Context(), "a", l.birth, l.claim)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Now, r.Life.String(), r.Free
}

// news is the kinds of the events since the last call.
func (l *ledgerLife) news(t *rapid.T) (kinds []ledger.EventKind) {
	events, err := l.ReadEvents(t.Context(), "a", ledger.Group{Name: "test", Consumer: "test"}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		kinds = append(kinds, ev.Kind)
	}
	return kinds
}

// The pure machine and the ledger agree on every input in every order: answers, verdicts, events, units that come back. The
// exception is a claim that was never settled, which comes back with its lease.
func TestLifeAndLedgerAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hold := rapid.SampledFrom([]time.Duration{0, lifeHold}).Draw(t, "hold")
		ledger := newLedgerLife(t, hold)
		life := Reserve(ledger.claim, hold > 0)
		life.later = (lifeHold / 2).Microseconds()
		shown, err := ledger.Show(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		free := shown.Free
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			ledger.skip(time.Duration(rapid.Int64Range(0, 400).Draw(t, "later")) * time.Millisecond)
			in := Input(rapid.IntRange(0, int(Sweep)).Draw(t, "input"))
			now, says, freeNow := ledger.ask(t, in)
			told := life.State() != Claimed
			out := life.Step(in, now)
			want := out.Answer.String()
			switch in {
			case Settle:
				want = fmt.Sprint(out.Verdict)
			case Sweep:
				want = ""
			default:
			}
			if says != want {
				t.Fatalf("input %d: the ledger says %s, the machine %s", in, says, want)
			}
			if kinds := ledger.news(t); !slices.Equal(kinds, out.Events) {
				t.Fatalf("input %d: the ledger tells %v, the machine %v", in, kinds, out.Events)
			}
			if told || len(out.Events) > 0 {
				free += uint64(out.Restock.Len())
			}
			if freeNow != free {
				t.Fatalf("input %d: %d free, the machine says %d", in, freeNow, free)
			}
		}
	})
}
