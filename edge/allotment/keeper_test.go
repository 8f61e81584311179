package allotment

import (
	"context"
	"fmt"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/shard"
)

// bench is one Keeper on a ledger whose time the test moves. Calls wait until the test executes them.
type bench struct {
	t      *testing.T
	now    time.Duration // since the start, by all clocks
	ledger *memory.Store
	a      *Allotment
	k      *Keeper
	asked  []any // calls made and not executed yet
	demand uint64
}

const benchSale = "s"

func newBench(t *testing.T, q ledger.CreateRequest) *bench {
	b := &bench{t: t, now: time.Hour}
	b.ledger = memory.New(ledger.DefaultBounds(),
		func() time.Time { return time.UnixMicro(b.now.Microseconds()) })
	head, err := b.ledger.Create(context.Background(), benchSale, q)
	if err != nil {
		t.Fatal(err)
	}
	b.a = newAllotment(shard.New(1), ringsOf(oneLane(64)), b.clock, ledger.DefaultBounds())
	b.k = newKeeper(Config{Sale: benchSale, Instance: "i", Node: "n", Term: 5 * time.Second,
		Bounds: ledger.DefaultBounds(), Demand: func() uint64 { return b.demand }}, b.a)
	b.k.now = b.clock()
	b.k.look(head, b.k.now)
	b.k.demand.lastBuy = b.k.now
	return b
}

func (b *bench) clock() Instant { return Instant{Mono: int64(b.now), Wall: int64(b.now)} }

// tick steps the Keeper and collects its calls.
func (b *bench) tick() {
	b.nudged()
	b.asked = append(b.asked, b.k.Step(b.clock(), Tick{})...)
}

// nudged says whether a buyer has called the Keeper.
func (b *bench) nudged() bool { return b.a.Nudged() }

// execute runs one call on the ledger.
func execute(l ledger.Store, call any) (reply any, err error) {
	ctx := context.Background()
	switch q := call.(type) {
	case ledger.LeaseRequest:
		return l.Lease(ctx, benchSale, q)
	case ledger.RenewRequest:
		return l.Renew(ctx, benchSale, q)
	case ledger.SettleRequest:
		return l.Settle(ctx, benchSale, q)
	case ledger.GiveBackRequest:
		return l.GiveBack(ctx, benchSale, q)
	case ledger.TendRequest:
		return l.Tend(ctx, benchSale, q)
	case ledger.ReassertRequest:
		return l.Reassert(ctx, benchSale, q)
	case OfferRequest:
		return l.Deduct(ctx, benchSale, q.Deduct)
	case RingRequest:
		return MemoryRings{}.Make(1, q.Slots, q.From)
	case RingDrop:
		return nil, nil
	}
	panic(fmt.Sprintf("no such call: %T", call))
}

// pick removes the oldest call of a type from the queue.
func pick[C any](b *bench) C {
	b.t.Helper()
	for i, call := range b.asked {
		if q, ok := call.(C); ok {
			b.asked = append(b.asked[:i:i], b.asked[i+1:]...)
			return q
		}
	}
	b.t.Fatalf("no %T among %v", *new(C), b.asked)
	panic("unreachable")
}

// pass executes a call and delivers its answer, all at this moment.
func (b *bench) pass(call any) any {
	b.t.Helper()
	reply, err := execute(b.ledger, call)
	b.asked = append(b.asked, b.k.Step(b.clock(), Answer{Call: call, Reply: reply, Err: err, Sent: b.clock()})...)
	return reply
}

// fail answers a call with ErrDown.
func (b *bench) fail(call any) {
	err := fmt.Errorf("test: %w", ledger.ErrDown)
	b.asked = append(b.asked, b.k.Step(b.clock(), Answer{Call: call, Err: err, Sent: b.clock()})...)
}

// settleDown passes every call until the Keeper is quiet.
func (b *bench) settleDown() {
	b.t.Helper()
	for i := 0; len(b.asked) > 0; i++ {
		if i > 1000 {
			b.t.Fatal("the Keeper never rests")
		}
		call := b.asked[0]
		b.asked = b.asked[1:]
		b.pass(call)
	}
}

// run lets time pass in steps, with a network that takes no time.
func (b *bench) run(d time.Duration) {
	b.t.Helper()
	for end := b.now + d; b.now < end; {
		b.now = min(end, b.now+10*time.Millisecond)
		b.tick()
		b.settleDown()
	}
}

// buy takes one unit. If there is none, it tells the Keeper.
func (b *bench) buy() (Sold, Outcome) {
	s, o := b.a.Take(1, ledger.Buyer{})
	if o == Empty {
		b.a.ReportUnmet(1)
	}
	if o == Won {
		b.demand++
	}
	return s, o
}

func (b *bench) audit() ledger.Audit {
	b.t.Helper()
	got, err := b.ledger.Audit(context.Background(), benchSale)
	if err != nil || !got.OK {
		b.t.Fatalf("audit %+v %v", got, err)
	}
	return got
}

// fill makes the bench hold units.
func (b *bench) fill() {
	b.t.Helper()
	b.buy()
	b.tick()
	b.settleDown()
	if b.a.Stock() == 0 {
		b.t.Fatal("nothing was leased")
	}
}

// A lease with one serial in doubt still covers the units sold under it.
func TestDoubtLosesNoClaim(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 64})
	b.fill()
	if _, o := b.buy(); o != Won {
		t.Fatal("not won", o)
	}
	p, _ := b.a.ring.reserve(1)
	serial, _ := b.a.stock.TakeN(1)
	p.publish(doubt, ledger.Claim{Serial: serial, Count: 1})
	b.tick()
	b.now += linger // the Keeper reads the claim and the doubt
	b.tick()
	b.now += time.Second // and a renewal is due
	b.tick()
	settle, renew := pick[ledger.SettleRequest](b), pick[ledger.RenewRequest](b)
	b.pass(renew) // the renewal is faster
	if got := b.pass(settle).(ledger.SettleReply); got.Verdicts[0] != ledger.Kept {
		t.Errorf("a claim told as won is answered %v", got.Verdicts[0])
	}
	b.settleDown()
	b.audit()
}

// The serial in doubt comes back when its time is over, and the lease's other units come back at once.
func TestDoubtStrandsNothing(t *testing.T) {
	for _, when := range []string{"on sale", "lapsed", "revived"} {
		t.Run(when, func(t *testing.T) {
			b := newBench(t, ledger.CreateRequest{Total: 8})
			b.fill()
			p, _ := b.a.ring.reserve(1)
			serial, _ := b.a.stock.TakeN(1)
			if when != "on sale" {
				b.now += 4500 * time.Millisecond
				b.tick()
			}
			if when == "revived" {
				b.settleDown()
			}
			p.publish(doubt, ledger.Claim{Serial: serial, Count: 1})
			b.run(time.Second)
			for _, h := range b.k.leases {
				if h.doubted && h.rest.Len() > 1 {
					t.Errorf("one serial is in doubt, and a second later %d units still wait with it", h.rest.Len())
				}
			}
			b.run(3 * time.Minute)
			if got := b.audit(); got.Free != 8 || len(b.k.leases) > 0 {
				t.Errorf("after three minutes: %+v; leases here: %d", got, len(b.k.leases))
			}
		})
	}
}

// A lease whose grant was never received is free again at the next renewal, and not only when its time is over.
func TestUnheardGrantGoesFree(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 8})
	b.buy()
	b.tick()
	unheard := pick[ledger.LeaseRequest](b)
	if _, err := execute(b.ledger, unheard); err != nil {
		t.Fatal(err)
	}
	b.fail(unheard)
	b.run(2 * pollBusy)
	if got := b.audit(); got.Leased != b.a.Stock() {
		t.Errorf("%+v, and %d units here", got, b.a.Stock())
	}
}

// A renewal keeps a grant that is under way when the renewal is sent.
func TestRenewalKeepsTheGrantUnderWay(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 8})
	b.buy()
	b.tick()
	lease := pick[ledger.LeaseRequest](b)
	reply, err := execute(b.ledger, lease)
	if err != nil {
		t.Fatal(err)
	}
	b.pass(pick[ledger.RenewRequest](b))
	b.k.Step(b.clock(), Answer{Call: lease, Reply: reply, Sent: b.clock()})
	if got := b.audit(); got.Leased == 0 || got.Leased != b.a.Stock() {
		t.Errorf("%+v, and %d units here", got, b.a.Stock())
	}
}

// A taker stalls with a serial in hand. Its lease runs out, and the ledger frees the serial and leases it to this edge again. The
// taker must not sell it under the new lease, because another buyer may get it under that lease.
func TestStalledTakerDoesNotSellAgain(t *testing.T) {
	for _, stall := range []time.Duration{0, 100 * time.Millisecond, 990 * time.Millisecond, 1100 * time.Millisecond,
		5 * time.Second} {
		t.Run(stall.String(), func(t *testing.T) {
			b := newBench(t, ledger.CreateRequest{Total: 1, Hold: time.Second})
			b.fill()
			naps, goOn := 0, func() {}
			sales := map[uint64]int{} // by fence
			SlowTake(b.a, 1, func(next func()) {
				if naps++; naps == 3 { // the taker has the serial, and has not looked for its lease
					goOn = next
				} else {
					next()
				}
			}, func(s Sold, o Outcome) {
				if o == Won {
					sales[s.Fence]++
				}
			}, func(Sold, Outcome) {})
			b.now += 20 * time.Second // the whole process pauses, and the ledger does not
			for range 40 {
				b.now += 500 * time.Millisecond
				if _, err := execute(b.ledger, ledger.RenewRequest{}); err != nil {
					t.Fatal(err)
				}
			}
			b.tick()
			b.a.ReportUnmet(1)
			b.tick()
			b.settleDown()
			if stall > 0 {
				b.run(stall)
			}
			goOn()
			for range 500 {
				if s, o := b.buy(); o == Won {
					sales[s.Fence]++
				}
				b.run(10 * time.Millisecond)
			}
			for fence, n := range sales {
				if n > 1 {
					t.Errorf("one serial, sold %d times under fence %d", n, fence)
				}
			}
			if len(sales) == 0 {
				t.Error("the serial never came back")
			}
		})
	}
}

// The edge lets go of leases that ended while the ledger was out of reach.
func TestOutageLeavesNoDeadLeases(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 64, Hold: time.Second})
	b.fill()
	for range 30 {
		b.outage(time.Second)
		if _, err := execute(b.ledger, ledger.RenewRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	b.run(2 * time.Second)
	var held uint64
	for _, h := range b.k.leases {
		held += h.rest.Len()
	}
	if got := b.audit(); got.Leased != held || b.a.Stock() > held {
		t.Errorf("%+v; %d units of leases and %d units in stock here", got, held, b.a.Stock())
	}
}

// A view that a newer one overtook changes nothing.
func TestOldNewsIsIgnored(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 8})
	now := b.k.view.Head
	now.Rev, now.Free = 10, 0
	b.k.look(now, b.k.now)
	old := now
	old.Rev, old.Free = 9, 8
	b.k.look(old, b.k.now)
	if b.k.view.Head != now || b.a.View() != now {
		t.Errorf("%+v", b.k.view)
	}
	made := old
	made.Birth++ // a sale made anew counts from the start
	b.k.look(made, b.k.now)
	if b.k.view.Head != made {
		t.Errorf("%+v", b.k.view)
	}
}

// The Keeper sleeps when there is nothing to settle. The next claim wakes it.
func TestClaimWakesTheKeeper(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640})
	b.fill()
	b.run(time.Second)
	b.nudged()
	if _, o := b.buy(); o != Won || !b.nudged() {
		t.Fatal(o, "and nobody woke the Keeper")
	}
	b.tick()
	if next := b.k.Next().Sub(b.clock()); next > linger {
		t.Error("the claim waits for", next)
	}
}

// While other units are free, recalled units do not come and go.
func TestRecallRests(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 8})
	b.fill()
	other := ledger.LeaseRequest{Party: ledger.Party{Instance: "other"}, Want: 8, Term: 5 * time.Second, Recall: true}
	for free := true; free; { // another instance takes the rest, and wants more
		other.Request++
		reply, err := b.ledger.Lease(context.Background(), benchSale, other)
		if err != nil {
			t.Fatal(err)
		}
		free = reply.Grant.Fence != 0
	}
	calls := 0
	for range 1000 { // for a second, with slow buyers here
		b.now += time.Millisecond
		b.demand++
		b.tick()
		for ; len(b.asked) > 0 && calls <= 50; calls++ {
			call := b.asked[0]
			b.asked = b.asked[1:]
			b.pass(call)
		}
	}
	if calls > 50 {
		t.Errorf("%d calls in a second, for %d units", calls, 8)
	}
}

// outage lets time pass without a store.
func (b *bench) outage(d time.Duration) {
	for end := b.now + d; b.now < end; {
		b.now = min(end, b.now+10*time.Millisecond)
		b.tick()
		for len(b.asked) > 0 {
			call := b.asked[0]
			b.asked = b.asked[1:]
			b.fail(call)
		}
	}
}

// A sale without buyers sleeps. The next buyer wakes it, whatever the store did meanwhile.
func TestOutageDoesNotOutliveRest(t *testing.T) {
	for _, when := range []string{"falling asleep", "waking up"} {
		t.Run(when, func(t *testing.T) {
			b := newBench(t, ledger.CreateRequest{Total: 8})
			for range 9 {
				b.buy()
				b.run(time.Second)
			}
			if when == "waking up" {
				b.run(12 * time.Second)
				b.buy()
				b.tick()
			}
			b.outage(12 * time.Second)
			_, err := b.ledger.Change(context.Background(), benchSale, ledger.ChangeRequest{Request: "more", Add: 500})
			if err != nil {
				t.Fatal(err)
			}
			b.knock(time.Minute)
			if _, o := b.buy(); o != Won {
				t.Errorf("a minute after the outage: %v, verdict %+v, next step in %v", o, b.a.Verdict(),
					b.k.Next().Sub(b.clock()))
			}
		})
	}
}

// knock sends a buyer every 300 ms. The Keeper steps only when Next or a nudge says so.
func (b *bench) knock(d time.Duration) {
	buyer := b.now
	for end := b.now + d; b.now < end; b.now += time.Millisecond {
		if b.now >= buyer {
			buyer = b.now + 300*time.Millisecond
			if b.a.Verdict() != nil {
				b.demand++
			} else {
				b.buy()
			}
		}
		if b.nudged() || !b.clock().Before(b.k.Next()) {
			b.tick()
			b.settleDown()
		}
	}
}

// If buyers hear "no" for a reason that news ends, the Keeper looks at once. If the news came while a look was under way, the
// Keeper looks again.
func TestNewsOfUnitsIsFollowed(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 1})
	b.fill()
	b.buy()
	for range 20 { // sold out, with a crowd that goes on asking
		b.buy()
		b.demand++
		b.run(50 * time.Millisecond)
	}
	if v := b.a.Verdict(); v == nil || v.Reason != SoldOut {
		t.Fatalf("%+v", v)
	}
	add := func(id string) {
		if _, err := b.ledger.Change(context.Background(), benchSale, ledger.ChangeRequest{Request: id, Add: 1}); err != nil {
			t.Fatal(err)
		}
	}
	b.demand++
	b.now += pollNews
	hear := func() { b.asked = append(b.asked, b.k.Step(b.clock(), News{Door: ledger.Open})...) }
	hear()
	first := pick[ledger.RenewRequest](b)
	reply, err := execute(b.ledger, first) // the ledger answered before the units came
	add("a")
	hear()
	if len(b.asked) > 0 {
		t.Fatalf("two looks at once: %v", b.asked)
	}
	b.now += pollNews
	b.asked = append(b.asked, b.k.Step(b.clock(), Answer{Call: first, Reply: reply, Err: err, Sent: b.clock()})...)
	b.pass(pick[ledger.RenewRequest](b))
	if v := b.a.Verdict(); v != nil {
		t.Errorf("there is a unit, and buyers hear %+v", v)
	}
}

// While the doors are shut an edge holds nothing, and the claims from before are settled.
func TestShutDoorsEmptyTheEdge(t *testing.T) {
	for to, reason := range map[string]Reason{"paused": Paused, "closed": Closed} {
		b := newBench(t, ledger.CreateRequest{Total: 640})
		b.fill()
		b.buy()
		if _, err := b.ledger.Change(context.Background(), benchSale, ledger.ChangeRequest{To: to}); err != nil {
			t.Fatal(err)
		}
		b.asked = append(b.asked, b.k.Step(b.clock(), News{Door: doorOf(to)})...)
		b.run(100 * time.Millisecond)
		if a := b.audit(); a.Leased != 0 || a.Pending != 1 || b.a.Stock() != 0 {
			t.Errorf("%s: %+v, %d here", to, a, b.a.Stock())
		}
		if v := b.a.Verdict(); v == nil || v.Reason != reason {
			t.Errorf("%s: buyers hear %+v", to, v)
		}
	}
}

func doorOf(state string) ledger.State {
	return map[string]ledger.State{"paused": ledger.Paused, "closed": ledger.Closed}[state]
}

// A grant that comes when the doors are known to be shut goes back unused.
func TestGrantAfterTheDoorsShutGoesBack(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640})
	b.buy()
	b.tick()
	lease := pick[ledger.LeaseRequest](b)
	granted, err := execute(b.ledger, lease)
	sent := b.clock()
	if _, e := b.ledger.Change(context.Background(), benchSale, ledger.ChangeRequest{To: "paused"}); e != nil {
		t.Fatal(e)
	}
	b.now += pollBusy
	b.asked = append(b.asked, b.k.Step(b.clock(), News{Door: ledger.Paused})...)
	b.pass(pick[ledger.RenewRequest](b))
	b.asked = append(b.asked, b.k.Step(b.clock(), Answer{Call: lease, Reply: granted, Err: err, Sent: sent})...)
	b.run(2 * pollBusy)
	if a := b.audit(); a.Leased != 0 || b.a.Stock() != 0 {
		t.Errorf("%+v, %d here", a, b.a.Stock())
	}
}

// A sale with a limit per buyer leases nothing. Its "no" follows the ledger.
func TestLimitedSaleIsNotLeased(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 1, Limit: 1, Hold: time.Minute})
	b.buy()
	b.run(time.Second)
	if a := b.audit(); a.Leased != 0 || b.a.Verdict() != nil {
		t.Fatalf("%+v, %+v", a, b.a.Verdict())
	}
	reply, err := b.ledger.Deduct(context.Background(), benchSale,
		ledger.DeductRequest{N: 1, Nonce: 1, Buyer: ledger.Buyer{1}})
	if err != nil || reply.Answer != ledger.Granted {
		t.Fatal(reply, err)
	}
	b.demand++
	b.a.ReportUnmet(1) // the next buyer found no unit
	b.run(100 * time.Millisecond)
	if v := b.a.Verdict(); v == nil || v.Reason != NoneNow {
		t.Fatalf("%+v", v)
	}
	if _, err := b.ledger.Cancel(context.Background(), benchSale, reply.Birth, reply.Claim); err != nil {
		t.Fatal(err)
	}
	b.demand++
	b.asked = append(b.asked, b.k.Step(b.clock(), News{Door: ledger.Open})...)
	b.settleDown()
	if v := b.a.Verdict(); v != nil {
		t.Errorf("one was cancelled, and buyers hear %+v", v)
	}
}
