package allotment

import (
	"context"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// other makes a call as another instance.
func (b *bench) other(call any) any {
	b.t.Helper()
	reply, err := execute(b.ledger, call)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply
}

// S3: if other edges always get the units first, news of them does not make the Keeper look without end, nor ask for a lease.
func TestS3NewsInVainIsFollowedLess(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 1})
	other := ledger.Party{Instance: "other"}
	lease := b.other(ledger.LeaseRequest{Party: other, Request: 1, Want: 1, Term: time.Hour}).(ledger.LeaseReply).Grant
	if lease.Fence == 0 {
		t.Fatal("nothing to lease")
	}
	looks, asks := 0, 0
	count := func(calls []any) {
		for _, call := range calls {
			switch call.(type) {
			case ledger.RenewRequest:
				looks++
			case ledger.LeaseRequest:
				asks++
			}
		}
		b.asked = append(b.asked, calls...)
	}
	for range 1000 { // ten seconds of buyers and news
		b.now += 10 * time.Millisecond
		b.buy()
		b.demand++
		count(b.k.Step(b.clock(), News{Door: ledger.Open}))
		for len(b.asked) > 0 {
			call := b.asked[0]
			b.asked = b.asked[1:]
			reply, err := execute(b.ledger, call)
			count(b.k.Step(b.clock(), Answer{Call: call, Reply: reply, Err: err, Sent: b.clock()}))
		}
	}
	if looks > 40 || asks > 40 {
		t.Errorf("in ten seconds it looked %d times and asked for a lease %d times", looks, asks)
	}
}

// S3: an edge that gave units up for others, and sold none, keeps the next units longer, within I15's bound.
func TestS3UnitsGivenUpInVainAreKeptLonger(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 1})
	other := ledger.Party{Instance: "other"}
	var kept []time.Duration
	for range 6 {
		for end := b.now + 10*time.Second; b.a.Stock() == 0 && b.now < end; {
			b.a.ReportUnmet(1)
			b.demand++
			b.run(20 * time.Millisecond)
		}
		from := b.now
		for request := uint64(1); b.a.Stock() > 0 && b.now < from+10*time.Second; request++ {
			b.other(ledger.LeaseRequest{Party: other, Request: request, Want: 1, Term: time.Second, Recall: true})
			b.run(20 * time.Millisecond)
		}
		kept = append(kept, b.now-from)
	}
	limit := b.k.cfg.Term/3 + pollBusy + 50*time.Millisecond
	for i, d := range kept {
		if d > limit || i > 0 && d < kept[i-1]-pollBusy {
			t.Errorf("kept %v", kept)
		}
	}
	if last := kept[len(kept)-1]; last < b.k.cfg.Term/3-50*time.Millisecond {
		t.Errorf("kept %v", kept)
	}
	if a, err := b.ledger.Audit(context.Background(), benchSale); err != nil || !a.OK {
		t.Errorf("%+v %v", a, err)
	}
}
