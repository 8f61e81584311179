package allotment

import (
	"context"
	"errors"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/shard"
)

// era gives the ledger's server another history. By default it is that of a server promoted from the era before.
func (b *bench) era(n memory.Node) {
	if n.Run == 0 && n.Era > 1 {
		n.Run, n.Followed, n.Fed = n.Era, n.Era-1, memory.WasFed
	}
	b.ledger.On(n)
}

func (b *bench) head() ledger.Head {
	b.t.Helper()
	shown, err := b.ledger.Show(context.Background(), benchSale)
	if err != nil {
		b.t.Fatal(err)
	}
	return shown.Head
}

// hears delivers an answer to a look that the ledger does not give, or no longer gives.
func (b *bench) hears(h ledger.Head, sent Instant) (calls []any) {
	look := ledger.RenewRequest{Party: b.k.party()}
	return b.k.Step(b.clock(), Answer{Call: look, Reply: ledger.RenewReply{Head: h}, Sent: sent})
}

// stranger leases units as an instance that is never heard of again.
func (b *bench) stranger(want uint64) {
	b.t.Helper()
	reply, err := b.ledger.Lease(context.Background(), benchSale, ledger.LeaseRequest{Want: want, Request: 1,
		Party: ledger.Party{Instance: "stranger"}, Term: 5 * time.Second})
	if err != nil || reply.Grant.Fence == 0 {
		b.t.Fatal(reply, err)
	}
}

// sellAll buys until no unit comes.
func (b *bench) sellAll() (n int) {
	for _, o := b.buy(); o == Won; _, o = b.buy() {
		n++
	}
	return n
}

// A fail-over without loss costs a re-assertion, and no more.
func TestEraThatLostNothing(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1, Replicas: 1})
	b.fill()
	if _, o := b.buy(); o != Won {
		t.Fatal(o)
	}
	b.era(memory.Node{Era: 2})
	for range int(ledger.DefaultBounds().Proof/time.Second) + 1 { // a buyer now and then
		b.demand++
		b.run(time.Second)
	}
	if h := b.head(); h.Era != 2 || h.Reopens != 0 || h.Pending != 1 {
		t.Errorf("%+v", h)
	}
	if _, o := b.buy(); o != Won {
		t.Error("not sold:", o)
	}
	b.audit()
}

// An instance that held units before the fail-over and is silent is waited for, but no longer than its lease could last.
func TestEraWaitsForTheSilent(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1, Replicas: 1})
	b.fill()
	b.stranger(16)
	b.era(memory.Node{Era: 2})
	b.run(time.Second)
	for !b.a.IsEmpty() {
		b.sellAll()
		b.run(50 * time.Millisecond)
	}
	b.run(time.Second)
	if v := b.a.Verdict(); v == nil || v.Reason != Undecided || b.head().Free == 0 {
		t.Errorf("buyers hear %+v of %+v", v, b.head())
	}
	for range 6 {
		b.buy()
		b.run(time.Second)
	}
	if b.buy(); b.sellAll() == 0 {
		t.Errorf("nothing is sold after lease and margin: %+v", b.head())
	}
	b.audit()
}

// If history may be lost, nothing is granted until every promise in it is over.
func TestEraThatMayHaveLost(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: 10 * time.Second})
	b.era(memory.Node{Era: 1})
	b.fill()
	b.era(memory.Node{Era: 2})
	b.run(15 * time.Second)
	if h := b.head(); h.Reopens == 0 || h.Free == 0 {
		t.Errorf("granted too early: %+v", h)
	}
	_, err := b.ledger.Deduct(context.Background(), benchSale, ledger.DeductRequest{N: 1, Nonce: 1})
	if !errors.Is(err, ledger.ErrRecovering) {
		t.Error(err)
	}
	b.run(2 * time.Second)
	if h := b.head(); h.Reopens != 0 {
		t.Errorf("not granted after lease, margin and hold: %+v", h)
	}
	b.audit()
}

// An answer comes late, from an older era that is lost and had come further. The edge has re-asserted in the new era, and goes
// on.
func TestLateAnswerOfAnOlderEra(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1, Replicas: 1})
	b.fill()
	sent, old := b.clock(), b.head()
	old.Rev += 1000
	b.era(memory.Node{Era: 2})
	live := func(d time.Duration) {
		for end := b.now + d; b.now < end; {
			b.demand++
			b.run(time.Second)
		}
	}
	live(ledger.DefaultBounds().Proof + time.Second)
	b.asked = append(b.asked, b.hears(old, sent)...)
	live(3 * b.k.cfg.Term)
	if _, o := b.buy(); o != Won {
		t.Errorf("%d units in stock, and %v; the ledger has %+v", b.a.Stock(), o, b.head())
	}
	b.audit()
}

// The service address leads to another server for a moment, and a re-assertion there gets no answer. The edge re-asserts again
// here.
func TestSpokenWhereNobodyAnswers(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1})
	b.fill()
	b.run(time.Second)
	other := b.head()
	other.Era, other.Rev, other.Reopens = 2, other.Rev+1, other.Now+time.Minute.Microseconds()
	b.asked = append(b.asked, b.hears(other, b.clock())...)
	lost := pick[ledger.ReassertRequest](b)
	b.run(900 * time.Millisecond)
	b.fail(lost)
	for range 3 * int(b.k.cfg.Term/time.Second) {
		b.demand++
		b.a.ReportUnmet(1)
		b.run(time.Second)
	}
	if _, o := b.buy(); o != Won {
		t.Errorf("%d units in stock, and %v; the ledger has %+v", b.a.Stock(), o, b.head())
	}
	b.audit()
}

// In a recovery, units that the ledger has in this edge's leases and the edge has not stay for buyers with tokens. A late answer
// of the era before, which was no recovery, does not send them back.
func TestLateAnswerLeavesTheSurplus(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1})
	b.fill()
	old := b.head()
	old.Rev += 1000
	b.era(memory.Node{Era: 2})
	b.run(2 * time.Second)
	if h := b.head(); h.Reopens == 0 || b.k.recovery.asserted != 2 {
		t.Fatalf("%+v", h)
	}
	b.k.recovery.excess = []ledger.Part{{Fence: b.k.leases[0].fence, Range: shard.Range{Start: 1, End: 2}}}
	for _, call := range b.hears(old, b.clock()) {
		if q, ok := call.(ledger.GiveBackRequest); ok {
			t.Errorf("%+v goes back", q.Parts)
		}
	}
}

// The operator may end a recovery: either nothing was promised, or those promises are broken.
// It proves G29.
func TestOperatorReopens(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: 10 * time.Second})
	b.era(memory.Node{Era: 1})
	b.fill()
	b.era(memory.Node{Era: 2, Replicas: 1})
	b.run(time.Second)
	b.era(memory.Node{Era: 2, Lineup: "#1"})
	b.run(time.Second)
	if h := b.head(); h.Replicas != 1 || h.Reopens == 0 {
		t.Errorf("the replica is forgotten: %+v", h)
	}
	if h, err := b.ledger.Reopen(context.Background(), benchSale, ledger.ReopenRequest{Lineup: "#1"}); err != nil ||
		h.Replicas != 0 || h.Reopens == 0 {
		t.Error(h, err)
	}
	if h, err := b.ledger.Reopen(context.Background(), benchSale, ledger.ReopenRequest{Grants: true}); err != nil ||
		h.Reopens != 0 {
		t.Error(h, err)
	}
}

// A server of another history that does not know the sale may be the wrong one for a while. So claims stay in the ring until a
// lease has passed. If the history is the same, the sale is gone at once.
// It proves G33.
func TestWrongServerIsNotBelieved(t *testing.T) {
	gone := func(era uint64) error { return &ledger.Refusal{Code: "NOSALE", Why: "it is not here", Era: era} }
	refuse := func(b *bench, era uint64, d time.Duration) {
		for end := b.now + d; b.now < end && b.k.gone == nil; {
			b.now += 10 * time.Millisecond
			b.tick()
			for len(b.asked) > 0 && b.k.gone == nil {
				call := b.asked[0]
				b.asked = append(b.asked[1:], b.k.Step(b.clock(), Answer{Call: call, Err: gone(era), Sent: b.clock()})...)
			}
		}
	}
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1, Run: 1})
	b.fill()
	if _, o := b.buy(); o != Won {
		t.Fatal(o)
	}
	refuse(b, 9, 4*time.Second)
	if left := b.a.ring.left(); b.k.gone != nil || len(left.All()) != 1 {
		t.Fatalf("believed at once: %v, %d claims left", b.k.gone, len(left.All()))
	}
	for len(b.asked) > 0 {
		b.asked = b.asked[1:]
	}
	b.run(2 * time.Second)
	if h := b.head(); b.k.gone != nil || b.k.recovery.absent || h.Pending != 1 {
		t.Errorf("the right server is back: %v, %+v", b.k.gone, h)
	}
	b.buy()
	refuse(b, 9, 7*time.Second)
	if b.k.gone == nil {
		t.Error("after a lease and a margin it is so")
	}

	b = newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1, Run: 1})
	b.fill()
	refuse(b, 1, 600*time.Millisecond)
	if b.k.gone == nil {
		t.Error("removed by its operator, and still sold")
	}
}

// idles sells one unit, settles it, gives the rest back, and rests. All that the ledger then has of it is sold for good.
func (b *bench) idles() {
	b.t.Helper()
	b.era(memory.Node{Era: 1, Run: 1, Fed: memory.NeverFed, File: true, Fsynced: true})
	b.fill()
	if _, o := b.buy(); o != Won {
		b.t.Fatal(o)
	}
	b.run(15 * time.Second)
	if b.k.view.known || b.k.recovery.lastApplied == 0 {
		b.t.Fatalf("it does not rest: %+v", b.k.view)
	}
}

// TestP3WhoRestsComesToProve: a Keeper rests, and has acted on answers. When it hears that there may be a new era, it says so
// there, even if its first look fails.
func TestP3WhoRestsComesToProve(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640})
	b.idles()
	b.era(memory.Node{Era: 2, Run: 2, Fed: memory.NeverFed, File: true, Fsynced: true})
	b.asked = append(b.asked, b.k.Step(b.clock(), News{Unsure: true})...)
	b.fail(pick[ledger.RenewRequest](b))
	b.run(3 * time.Second)
	if b.k.recovery.asserted != 2 || b.k.recovery.lastApplied == 0 {
		t.Errorf("asserted in era %d", b.k.recovery.asserted)
	}
}

// By one of the edge's clocks a lease's unsold units may have been sold by others. They are not claimed in a new era; sold units
// are.
func TestOutlivedUnitsAreNotClaimed(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: 10 * time.Second})
	b.fill()
	if _, o := b.buy(); o != Won {
		t.Fatal(o)
	}
	h := b.k.leases[0]
	b.k.now = b.clock()
	for _, c := range []struct {
		mono, wall time.Duration // since the lease has lapsed
		named      bool
	}{{0, 0, true}, {10 * time.Second, 0, true}, {0, 10 * time.Second, true}, {11 * time.Second, 0, false},
		{0, 11 * time.Second, false}} {
		term := h.term.Load()
		b.k.now = Instant{Mono: term.sellMono + int64(c.mono), Wall: term.sellWall + int64(c.wall)}
		if b.k.outlived(h) == c.named {
			t.Errorf("%+v", c)
		}
	}
	b.k.now.Wall = h.term.Load().sellWall + int64(11*time.Second)
	q := b.k.assertion()
	if n := q.Leases[0].Ranges.Len(); len(q.Leases) != 1 || n != 1 || b.a.Stock() != 0 {
		t.Errorf("%d units named, %d on sale", n, b.a.Stock())
	}
}

// An answer of lost history comes late, after the edge has re-asserted in the new era. Its rev is higher, because the store has
// lost much. It does not count as the newest, and the edge sells on.
func TestALateAnswerOfLostHistoryIsOld(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.era(memory.Node{Era: 1, Replicas: 1})
	b.fill()
	b.now += 2 * pollBusy
	b.tick()
	look, sent := pick[ledger.RenewRequest](b), b.clock()
	reply, err := execute(b.ledger, look)
	if err != nil {
		t.Fatal(err)
	}
	late := reply.(ledger.RenewReply)
	late.Rev += 1000
	b.era(memory.Node{Era: 2})
	if _, o := b.buy(); o != Won {
		t.Fatal(o)
	}
	b.tick() // the Keeper sees the claim
	b.now += 2 * linger
	b.tick()
	b.settleDown()
	if b.k.recovery.asserted != 2 {
		t.Fatalf("the new era has not heard of us: %d", b.k.recovery.asserted)
	}
	b.asked = append(b.asked, b.k.Step(b.clock(), Answer{Call: look, Reply: late, Sent: sent})...)
	for range 10 {
		b.demand++
		b.run(time.Second)
	}
	if _, o := b.buy(); o != Won {
		t.Errorf("nothing is sold: %v of %+v", o, b.head())
	}
	b.audit()
}

// A taker has found the lease of its serial, and sleeps. Meanwhile a re-assertion says that the serial belongs to others, and
// that the rest of the lease goes on. The taker sells nothing.
func TestTakerSleepsWhileItsSerialIsGivenAway(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 640, Hold: time.Minute})
	b.fill()
	var sold Sold
	heard := Empty
	var wake func()
	nap := func(next func()) { wake = next }
	silent := func(Sold, Outcome) {}
	SlowTake(b.a, 1, nap, silent, func(s Sold, o Outcome) { sold, heard = s, o })
	for range 3 { // the first look, the cut, the lease
		wake()
	}
	h := b.k.leases[0]
	end := h.ranges[len(h.ranges)-1].End
	left := ledger.Ranges{{Start: end - 1, End: end}} // the Stock hands out the lowest serial first
	b.k.adjust(h, b.clock(), b.head(), ledger.Grant{Fence: h.fence, Deadline: h.term.Load().deadline + 1e6, Hold: h.hold,
		Ranges: left})
	for heard == Empty {
		wake()
	}
	if heard != Again {
		t.Errorf("the taker of %d hears %v; left is %v", sold.Serial, heard, left)
	}
	if _, o := b.buy(); o != Won { // the rest is sold
		t.Error("what is left of the lease:", o)
	}
}
