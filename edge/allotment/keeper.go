package allotment

import (
	"slices"
	"time"

	"spike/luascripts/ledger"
	"spike/shard"
)

// Config is an edge's settings for one sale.
type Config struct {
	Sale     string
	Instance string
	Node     string
	Term     time.Duration // L: the term of a lease
	Bounds   ledger.Bounds
	Demand   func() uint64          // buys answered so far, with any answer
	Notice   func(was, is *Trouble) // called when trouble comes or goes; nil is none. May be nil
	Slots    int                    // slots of a lane of the first Ring; 0: the Keeper chooses
	Lanes    int                    // of the Stock and of every Ring; 0: the Keeper chooses
}

// The Keeper's own numbers.
const (
	ahead      = 200 * time.Millisecond // a lease covers the sales of so long, at the measured rate
	early      = 100 * time.Millisecond // the next lease is asked for so long before the units are sold
	firstWant  = 64                     // while no rate is known
	maxWant    = 1 << 22                // more than the ledger grants at a time
	linger     = 40 * time.Millisecond  // how long a claim waits for other claims
	maxBatch   = 512                    // units in a settle call, and what the last claim has beyond: about 2 ms of Redis
	maxParts   = 256                    // ranges in a give-back call: about 2 ms as well
	pollBusy   = 500 * time.Millisecond // between renewals, which are looks at the sale: ledger time needs one so often (J)
	pollDone   = time.Second            // between looks at a sale that is over
	pollWindow = 400 * time.Millisecond // while buyers enter a draw, so that ledger time, which ends it, keeps up
	pollDraw   = 100 * time.Millisecond // while a draw is due
	retryFirst = 50 * time.Millisecond  // between lease calls for units that others hold
	idleAfter  = 3 * time.Second        // without buys for so long, everything goes back
	// without buys for so long, no more calls, if nothing is held here and nothing waits in the ledger
	restAfter   = time.Second
	pollNews    = 20 * time.Millisecond  // after news of a sale, or while there is more to sweep
	pollDue     = 5 * time.Millisecond   // while there is more to sweep and the store is quick
	dueShare    = 8                      // other edges get dueShare times as long as the last look took
	recheck     = 100 * time.Millisecond // how often "none left" is reconsidered, without a call
	answers     = 8_000                  // after so many answered buys the sale is looked at, at the next recheck
	quietPeriod = 300 * time.Millisecond // after so long without buys, the next buyer waits for a look, because the news is old
)

// Keeper is the step function. It owns the supply of the Stock, the reading end of the Ring, the leases and the verdict.
type Keeper struct {
	cfg Config
	a   *Allotment
	now Instant // time of the step under way

	leases    []*holding   // by fence
	withdrawn []withdrawal // the newest withdrawals

	view     view     // the sale as of the newest answer
	demand   demand   // what buyers want here
	leasing  leasing  // lease calls
	polling  polling  // renewals, which are looks at the sale too
	claims   claims   // claims not settled: settle calls, and questions about offers
	returns  returns  // units to give back: give-back calls
	recovery recovery // what a new era demands: re-assertions
	room     room     // the Rings
	calm     calm     // keeps units from going round

	shown    proofs // proofs that trouble is over
	gone     error  // why the sale is gone: this allotment ends
	stopping bool
}

func newKeeper(cfg Config, a *Allotment) *Keeper {
	return &Keeper{cfg: cfg, a: a, leasing: leasing{retry: retryFirst}}
}

// begin is the allotment of a sale whose newest view is head, and its Keeper. most is the slots of a lane of the largest Ring.
func begin(cfg Config, clock Clock, head ledger.Head, most int) (*Allotment, *Keeper) {
	a := newAllotment(shard.New(cfg.Lanes), newRings(most), clock, cfg.Bounds)
	k := newKeeper(cfg, a)
	k.now = clock()
	k.look(head, k.now)
	k.demand.lastBuy = k.now
	return a, k
}

// Event is one of Tick, Stop, News and Answer.
type Event any

// Tick means that a buyer called, or that time passed.
type Tick struct{}

// Stop means: sell no more, settle, give back, end.
type Stop struct{}

// News means that units came back, or that the operator moved the sale's doors to Door. Unsure means that news may have been
// missed.
type News struct {
	Door   ledger.State
	Unsure bool
}

// Answer is the end of a call. Err is nil, a *ledger.Refusal, or wraps ledger.ErrDown.
type Answer struct {
	Call  any // the request
	Reply any // the matching reply
	Err   error
	Sent  Instant
}

// Step takes one event and returns the calls to make now, as values of luascripts' request types.
func (k *Keeper) Step(now Instant, ev Event) []any {
	k.now = now
	k.lapse() // before an answer, because a grant may hold serials that have just run out here
	switch e := ev.(type) {
	case Stop:
		k.stop()
	case Answer:
		k.answer(e)
	case News:
		k.hear(e)
	}
	if k.gone != nil {
		k.abandon()
		return nil
	}
	k.shatter()
	k.measure()
	k.hearOffers()
	k.read()
	k.rest()
	k.doubtVerdict()
	k.empty()
	k.clearRoom()
	calls := k.plan()
	k.settleVerdict()
	k.a.unsettled.Store(k.claims.oldest())
	return calls
}

// Finished says that there is nothing left to do, ever.
func (k *Keeper) Finished() bool {
	asks := k.leasing.busy || k.polling.busy || k.claims.busy || k.returns.busy || k.recovery.busy
	quiet := !asks && !k.room.busy && !k.room.dropSent
	told := len(k.claims.batch)+len(k.claims.offers)+len(k.returns.parts) == 0
	return k.gone != nil || k.stopping && quiet && told && (k.shattered() || k.a.ring.unread() == 0)
}

// plan returns every call that is due. Each kind has at most one under way.
func (k *Keeper) plan() (calls []any) {
	if k.needsReassert() && k.recovery.ready(k.now) {
		k.recovery.busy, k.recovery.begun = true, k.view.Era
		calls = append(calls, k.assertion())
	}
	if len(k.claims.batch) > 0 && k.claims.ready(k.now) {
		k.claims.busy = true
		calls = append(calls, ledger.SettleRequest{Party: k.party(), Batch: k.claims.number, Claims: k.claims.batch})
	}
	if len(k.returns.parts) > 0 && k.returns.ready(k.now) {
		k.returns.busy, k.returns.sent = true, min(len(k.returns.parts), maxParts)
		calls = append(calls, ledger.GiveBackRequest{Party: k.party(), Parts: slices.Clone(k.returns.parts[:k.returns.sent])})
	}
	if k.polls() && !k.now.Before(k.pollAt()) {
		k.calm.led = k.polling.news
		k.polling.busy, k.polling.asked, k.polling.buys, k.polling.news = true, k.now, k.demand.buys, false
		calls = append(calls, k.poll())
	}
	calls = append(calls, k.askOffers()...)
	if k.dropDue() {
		k.room.dropSent = true
		calls = append(calls, RingDrop{})
	}
	wants := k.wantsLease() && !k.now.Before(k.leasing.due)
	if q, due := k.ringDue(wants); due {
		k.room.busy = true
		calls = append(calls, q)
	}
	if wants && !k.roomless() {
		k.setLeasing(true)
		k.calm.races = k.view.Unkept() > 0
		k.leasing.forBuyer, k.demand.unmet = k.demand.unmet, false
		k.leasing.request++
		calls = append(calls, ledger.LeaseRequest{Party: k.party(), Request: k.leasing.request, Want: k.want(),
			Term: k.cfg.Term, Recall: k.a.stock.Empty(), Run: uint32(k.demand.largestUnmet)})
	}
	return calls
}

// setLeasing notes whether a lease call is under way. Buyers read it too.
func (k *Keeper) setLeasing(on bool) {
	k.leasing.busy = on
	k.a.leasing.Store(on)
}

func (k *Keeper) party() ledger.Party {
	return ledger.Party{Birth: k.view.Birth, Instance: k.cfg.Instance, Node: k.cfg.Node}
}

func (k *Keeper) renewal() ledger.RenewRequest {
	q := ledger.RenewRequest{Party: k.party(), Awaited: k.leasing.request + 1, Term: k.cfg.Term, Era: k.recovery.asserted}
	if k.leasing.busy {
		q.Awaited = k.leasing.request
	}
	for _, h := range k.leases {
		if h.doubted {
			q.Awaited = min(q.Awaited, h.req) // kept, but not renewed
		} else {
			q.Fences = append(q.Fences, h.fence)
		}
	}
	return q
}

// idle says that no buyer has come for a while, and that nothing here or in the ledger needs this edge.
func (k *Keeper) idle() bool {
	v := &k.view
	return k.now.Sub(k.demand.lastBuy) >= restAfter && len(k.leases) == 0 && v.Leased+v.Limbo == 0 && v.Reopens == 0 &&
		v.State != ledger.Drawing && v.Lots.Kept == 0 && (v.Pending == 0 || v.Hold == 0)
}

// rest forgets the view of an idle sale, so that the next buyer makes the Keeper look again.
func (k *Keeper) rest() {
	if k.view.known && !k.polling.busy && !k.leasing.busy && k.idle() {
		k.view.known, k.view.exhausted = false, false
	}
}

// unsure says that buyers hear "no" for a reason that may end without news.
func (k *Keeper) unsure() bool {
	return k.view.exhausted || k.view.down || k.view.refused != "" || k.room.why != ""
}

// doubtVerdict reconsiders such a reason, because a sale may be filled, mended or made anew at any time.
func (k *Keeper) doubtVerdict() {
	switch {
	case !k.unsure():
	case k.now.Sub(k.demand.lastBuy) >= quietPeriod:
		k.view.exhausted, k.view.down, k.view.refused, k.demand.largestUnmet = false, false, "", 1
		k.room.why = ""
	case k.demand.buys-k.polling.buys >= answers && k.now.Sub(k.polling.asked) >= recheck:
		k.polling.due = k.now
	}
}

// polls says whether looks at the sale go on, from pollAt. News wakes a Keeper that rests.
func (k *Keeper) polls() bool {
	return (k.view.known || k.polling.news || k.recovery.owes) && !k.polling.busy && k.gone == nil && !k.room.broken
}

func (k *Keeper) pollAt() Instant {
	soon := k.followAt()
	if k.view.Due {
		soon = k.polling.asked.Add(min(pollNews, max(pollDue, dueShare*k.polling.took)))
	}
	if (k.polling.news || k.wakes()) && soon.Before(k.polling.due) {
		return soon
	}
	return k.polling.due
}

// hear notes news that matters here: buyers hear "no", the doors differ from the known ones, or a look is under way that may be
// older than the news. A resting Keeper ignores news, because the next buyer makes it look.
func (k *Keeper) hear(n News) {
	moved := (n.Door == ledger.Open) != (k.view.State == ledger.Open)
	k.calm.heard = k.now
	if moved {
		k.calm.follow = 0
	}
	k.polling.news = k.polling.news || n.Unsure || k.view.known && (moved || k.polling.busy || k.unsure())
}

// empty gives everything back while the doors are shut, because the operator waits for that.
func (k *Keeper) empty() {
	if k.view.known && k.shut() && len(k.leases) > 0 {
		k.unload()
	}
}

// wantsLease says whether to ask for a lease, from leasing.due.
func (k *Keeper) wantsLease() bool {
	if k.view.known && (k.view.State != ledger.Open || k.view.Limit > 0 && !k.demand.unmet) {
		return false // a sale with a limit per buyer leases nothing, but a lease call is how it looks
	}
	if k.leasing.busy || k.stopping || k.wakes() || k.recovering() || len(k.returns.parts) > 0 {
		return false
	}
	if k.a.stock.Len() > k.low() || k.laden() {
		return false
	}
	if k.view.exhausted { // news tells when units are free again; only buyers without units justify asking others for theirs
		return k.view.Leased > 0 && k.a.stock.Len() < max(k.demand.rate.units(early), k.demand.largestUnmet, 1)
	}
	if k.now.Before(k.demand.backoffUntil) && k.view.Unkept() < k.demand.largestUnmet {
		return false // such buyers have Deduct; the units that were given back are for others
	}
	troubled := k.view.down || k.view.refused != "" || k.room.why != "" // then buyers hear nothing but trouble
	selling := k.demand.rate.units(ahead) > 0
	return k.demand.unmet || (selling || troubled) && k.now.Sub(k.demand.lastBuy) < ahead && !k.now.Before(k.demand.backoffUntil)
}

// laden says that this instance has as many leases as it may. Some must end first.
func (k *Keeper) laden() bool { return len(k.leases) >= k.cfg.Bounds.Held }

// Next is the latest time at which Step has something to do by itself.
func (k *Keeper) Next() Instant {
	next := k.now.Add(time.Hour)
	earliest := func(on bool, t Instant) {
		if on && t.Before(next) {
			next = t
		}
	}
	earliest(k.polls(), k.pollAt())
	earliest(k.wantsLease() && !k.roomless(), k.leasing.due)
	earliest(k.nextRing())
	earliest(len(k.a.ring.list()) > 0 && !k.room.dropping && k.holdsNothing(), k.room.held.Add(ringRest))
	for _, o := range k.claims.offers {
		earliest(!o.asking, o.next)
	}
	earliest(k.unsure(), k.now.Add(recheck))
	waiting := func(on bool, c call) { earliest(on && !c.busy, c.due) }
	waiting(k.needsReassert(), k.recovery.call)
	waiting(len(k.claims.batch) > 0, k.claims.call)
	waiting(len(k.returns.parts) > 0, k.returns.call)
	earliest(k.claims.unread && len(k.claims.batch)+len(k.claims.offers) == 0, k.claims.since.Add(linger))
	earliest(k.room.broken, k.room.since.Add(lastWords))
	for _, h := range k.leases {
		earliest(!h.lapsed, Instant{Mono: h.term.Load().sellMono})
	}
	return next
}
