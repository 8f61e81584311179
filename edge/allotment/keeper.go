package allotment

import (
	"slices"
	"time"

	"spike/luascripts"
	"spike/shard"
)

// Config is how an edge keeps one sale.
type Config struct {
	Sale     string
	Instance string
	Node     string
	Term     time.Duration // L: how long a lease lasts
	Bounds   luascripts.Bounds
	Demand   func() uint64        // buys answered so far, whatever they heard
	Notice   func(was, is string) // trouble comes or goes; "" is none. May be nil
	Slots    int                  // of the first Ring; 0: as many as the Keeper likes
	OneLane  bool                 // for every Ring: which CPU runs decides nothing
}

// The Keeper's own numbers.
const (
	ahead      = 200 * time.Millisecond // a lease covers this much of the measured rate
	early      = 100 * time.Millisecond // and the next is asked for this long before it is sold
	firstWant  = 64                     // while no rate is known
	maxWant    = 1 << 22                // the ledger grants less at a time
	linger     = 40 * time.Millisecond  // how long a claim waits for company
	maxBatch   = 512                    // units in a settle call, or the last claim's more: about 2 ms of Redis
	maxParts   = 256                    // ranges in a give-back call: about as much
	pollBusy   = 500 * time.Millisecond // renewing, and looking at the sale: ledger time needs it this often (J)
	pollDone   = time.Second            // looking at a sale that is over
	pollWindow = 400 * time.Millisecond // while buyers enter a draw: ledger time, which ends it, must not fall behind
	pollDraw   = 100 * time.Millisecond // when it is due
	retryFirst = 50 * time.Millisecond  // asking again for units that others hold
	idleAfter  = 3 * time.Second        // without buys: everything goes back
	restAfter  = time.Second            // without buys, holding nothing, and nothing in the ledger waiting: no more calls
	pollNews   = 20 * time.Millisecond  // looking at a sale of which there is news, or more to sweep
	pollDue    = 5 * time.Millisecond   // looking at one that has more to sweep, while the store is quick
	dueShare   = 8                      // so many times as long as the last look took we let the others look
	glance     = 100 * time.Millisecond // how often "none left" is thought over, without a call
	answers    = 8_000                  // after so many of them the sale is looked at, at the next glance
	lull       = 300 * time.Millisecond // without buys: the next buyer waits for a look instead of hearing old news
)

// Keeper is the step function. It owns the Stock's supply, the Ring's far end, the leases and the verdict.
type Keeper struct {
	cfg Config
	a   *Allotment
	now Instant // of the step under way

	leases    []*holding   // by fence
	withdrawn []withdrawal // lately

	view    luascripts.Head // the sale as of the newest reply
	seen    Instant         // when that reply came
	known   bool            // there was one
	barren  bool            // the newest lease call brought nothing, and nothing was free
	down    bool            // the newest call was not answered
	downWhy string          // and why, when it last was not
	refused string          // why the ledger grants nothing
	gone    error           // the sale is not there any more: this allotment ends
	shown   proofs          // that trouble is over

	asserted   uint64            // the era in which the ledger has heard what we hold
	acted      uint64            // the rev of the newest answer of it that we have acted on
	assertedAt Instant           // when it was answered
	told       int64             // the latest ledger time in any answer
	owes       bool              // resting, and a look that news asked for has failed
	asserting  bool              // it is being told
	sworn      uint64            // the newest era in which we began to tell it, 0: none; answers of an older one widen nothing
	surplus    []luascripts.Part // what a ledger that lost history has in our leases, and we have not: to be given back
	lossy      bool              // the recovery under way is long: sales are lost
	absent     bool              // a server of another history does not know the sale
	absentAt   Instant           // since then

	request  uint64 // of the newest lease call
	leasing  bool   // one is under way
	renewing bool
	dozed    bool // the newest look left us dozing
	settling bool
	backing  bool

	batch    []luascripts.Claim        // under way, or to be sent again
	offers   []*offering               // read with it
	key      luascripts.IdempotencyKey // read last, of the offer that follows
	room     room
	batchNo  uint64
	back     []luascripts.Part // to be given back
	backSent int               // how many of them are under way
	sinceNew Instant           // when the oldest unread claim was first seen
	newClaim bool
	more     bool // the last batch left claims behind

	nextLease, nextPoll, nextSettle, nextBack, nextAssert, nextScraps Instant
	retry                                                             time.Duration

	rate     rate
	calm     calm
	modest   Instant // until then, having given units back, we lease no more than buyers need at once
	hungry   bool    // a buyer found too little since the last lease call
	waited   bool    // the lease call under way was made for a buyer who waits
	most     uint64  // units that one buyer asked for in vain, of late
	lastBuy  Instant
	buys     uint64
	lastPoll Instant // when the newest look was asked for, and how many buys had been answered then
	buysThen uint64
	lookTook time.Duration
	news     bool // something has changed since the newest look was asked for
	stopping bool
}

// withdrawal is serials that left the Stock because their lease lapsed: a taker may still have one in hand.
type withdrawal struct {
	at     Instant
	ranges luascripts.Ranges
}

// holding is a lease of ours, and what of it the ledger does not know yet.
type holding struct {
	*Lease
	ranges  luascripts.Ranges   // as granted
	rest    luascripts.RangeSet // neither settled nor given back
	parked  luascripts.Ranges   // out of the Stock, because the term is over and may yet be renewed
	lapsed  bool
	req     uint64 // the request it was granted to
	doubted bool   // a serial of it was dropped by a taker: let it run out
}

func newKeeper(cfg Config, a *Allotment) *Keeper {
	return &Keeper{cfg: cfg, a: a, retry: retryFirst}
}

// Event is what happened: Tick, Stop, or an Answer.
type Event any

// Tick means that somebody called, or time passed.
type Tick struct{}

// Stop means: sell no more, settle, give back, end.
type Stop struct{}

// News means that units came back, or that the operator moved the sale's doors to Door; Unsure: that either may have
// been missed.
type News struct {
	Door   luascripts.State
	Unsure bool
}

// Answer is a call's end. Err is nil, a *luascripts.Refusal, or wraps luascripts.ErrDown.
type Answer struct {
	Call  any // the request
	Reply any // the matching reply
	Err   error
	Sent  Instant
}

// Step takes one event and says which calls to make now: values of luascripts' request types.
func (k *Keeper) Step(now Instant, ev Event) []any {
	k.now = now
	k.lapse() // before an answer: a grant may hold what has just run out here
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
	return calls
}

// Finished says that there is nothing left to do, ever.
func (k *Keeper) Finished() bool {
	quiet := !k.leasing && !k.renewing && !k.settling && !k.backing && !k.asserting && !k.room.making && !k.room.dropSent
	told := len(k.batch)+len(k.offers)+len(k.back) == 0
	return k.gone != nil || k.stopping && quiet && told && (k.shattered() || k.a.ring.unread() == 0)
}

// plan makes every call that is due. Each kind has at most one under way.
func (k *Keeper) plan() (calls []any) {
	if k.estranged() && !k.asserting && !k.now.Before(k.nextAssert) {
		k.asserting, k.sworn = true, k.view.Era
		calls = append(calls, k.assertion())
	}
	if len(k.batch) > 0 && !k.settling && !k.now.Before(k.nextSettle) {
		k.settling = true
		calls = append(calls, luascripts.SettleRequest{Party: k.party(), Batch: k.batchNo, Claims: k.batch})
	}
	if len(k.back) > 0 && !k.backing && !k.now.Before(k.nextBack) {
		k.backing, k.backSent = true, min(len(k.back), maxParts)
		calls = append(calls, luascripts.GiveBackRequest{Party: k.party(), Parts: slices.Clone(k.back[:k.backSent])})
	}
	if k.polls() && !k.now.Before(k.pollAt()) {
		k.calm.led = k.news
		k.renewing, k.lastPoll, k.buysThen, k.news = true, k.now, k.buys, false
		calls = append(calls, k.poll())
	}
	calls = append(calls, k.askOffers()...)
	if k.dropDue() {
		k.room.dropSent = true
		calls = append(calls, RingDrop{})
	}
	wants := k.wantsLease() && !k.now.Before(k.nextLease)
	if q, due := k.ringDue(wants); due {
		k.room.making = true
		calls = append(calls, q)
	}
	if wants && !k.roomless() {
		k.setLeasing(true)
		k.calm.races = k.view.Unkept() > 0
		k.waited, k.hungry = k.hungry, false
		k.request++
		calls = append(calls, luascripts.LeaseRequest{Party: k.party(), Request: k.request, Want: k.want(),
			Term: k.cfg.Term, Hungry: k.a.stock.Empty(), Run: uint32(k.most)})
	}
	return calls
}

// setLeasing notes that a lease call is under way, or is not; buyers look too.
func (k *Keeper) setLeasing(on bool) {
	k.leasing = on
	k.a.leasing.Store(on)
}

func (k *Keeper) party() luascripts.Party {
	return luascripts.Party{Birth: k.view.Birth, Instance: k.cfg.Instance, Node: k.cfg.Node}
}

func (k *Keeper) renewal() luascripts.RenewRequest {
	q := luascripts.RenewRequest{Party: k.party(), Awaited: k.request + 1, Term: k.cfg.Term, Era: k.asserted}
	if k.leasing {
		q.Awaited = k.request
	}
	for _, h := range k.leases {
		if h.doubted {
			q.Awaited = min(q.Awaited, h.req) // kept, and not renewed
		} else {
			q.Fences = append(q.Fences, h.fence)
		}
	}
	return q
}

// idle says that nobody has asked for a while and nothing here or in the ledger needs us.
func (k *Keeper) idle() bool {
	return k.now.Sub(k.lastBuy) >= restAfter && len(k.leases) == 0 && k.view.Leased == 0 && k.view.Limbo == 0 && k.view.Reopens == 0 &&
		k.view.State != luascripts.Drawing && k.view.Lots.Kept == 0 &&
		(k.view.Pending == 0 || k.view.Hold == 0)
}

// rest forgets the view of an idle sale: the next buyer makes us look again.
func (k *Keeper) rest() {
	if k.known && !k.renewing && !k.leasing && k.idle() {
		k.known, k.barren = false, false
	}
}

// unsure says that buyers hear "no" for a reason that may pass without our hearing of it.
func (k *Keeper) unsure() bool { return k.barren || k.down || k.refused != "" || k.room.why != "" }

// doubtVerdict thinks such a reason over: a sale may be filled, mended, or made anew, at any time.
func (k *Keeper) doubtVerdict() {
	switch {
	case !k.unsure():
	case k.now.Sub(k.lastBuy) >= lull:
		k.barren, k.down, k.refused, k.most = false, false, "", 1
		k.room.why = ""
	case k.buys-k.buysThen >= answers && k.now.Sub(k.lastPoll) >= glance:
		k.nextPoll = k.now
	}
}

// polls says whether renew calls go on, from pollAt. News wakes one that rests.
func (k *Keeper) polls() bool {
	return (k.known || k.news || k.owes) && !k.renewing && k.gone == nil && !k.room.broken
}

func (k *Keeper) pollAt() Instant {
	soon := k.followAt()
	if k.view.Due {
		soon = k.lastPoll.Add(min(pollNews, max(pollDue, dueShare*k.lookTook)))
	}
	if (k.news || k.wakes()) && soon.Before(k.nextPoll) {
		return soon
	}
	return k.nextPoll
}

// hear notes news that matters here: buyers hear "no", the doors are not as we know them, or a look is under way that may
// be older than the news. Who rests need not know, for the next buyer makes it look.
func (k *Keeper) hear(n News) {
	moved := (n.Door == luascripts.Open) != (k.view.State == luascripts.Open)
	k.calm.heard = k.now
	if moved {
		k.calm.follow = 0
	}
	k.news = k.news || n.Unsure || k.known && (moved || k.renewing || k.unsure())
}

// empty gives everything back while the doors are shut: the operator waits for it.
func (k *Keeper) empty() {
	if k.known && k.shut() && len(k.leases) > 0 {
		k.unload()
	}
}

// wantsLease says whether a lease is to be asked for, from nextLease.
func (k *Keeper) wantsLease() bool {
	if k.known && (k.view.State != luascripts.Open || k.view.Limit > 0 && !k.hungry) {
		return false // a sale with a limit per buyer leases nothing, but its look is asked for the same way
	}
	if k.leasing || k.stopping || k.wakes() || k.recovering() || len(k.back) > 0 || k.a.stock.Len() > k.low() || k.laden() {
		return false
	}
	if k.barren { // news tells when there are units again; to ask others for theirs takes buyers who have none
		return k.view.Leased > 0 && k.a.stock.Len() < max(k.rate.units(early), k.most, 1)
	}
	if k.now.Before(k.modest) && k.view.Unkept() < k.most {
		return false // such buyers have Deduct; what we gave back is for others
	}
	worth := k.rate.units(ahead) > 0 || k.down || k.refused != "" || k.room.why != "" // selling, or buyers who hear only trouble
	return k.hungry || worth && k.now.Sub(k.lastBuy) < ahead && !k.now.Before(k.modest)
}

// laden says that we have as many leases as one instance may: some must end first.
func (k *Keeper) laden() bool { return len(k.leases) >= k.cfg.Bounds.Held }

// Next is when Step has something to do by itself, at the latest.
func (k *Keeper) Next() Instant {
	next := k.now.Add(time.Hour)
	earliest := func(on bool, t Instant) {
		if on && t.Before(next) {
			next = t
		}
	}
	earliest(k.polls(), k.pollAt())
	earliest(k.wantsLease() && !k.roomless(), k.nextLease)
	if at, due := k.nextRing(); due {
		earliest(true, at)
	}
	earliest(len(k.a.ring.list()) > 0 && !k.room.dropping && k.holdsNothing(), k.room.held.Add(ringRest))
	if at, due := k.nextOffer(); due {
		earliest(true, at)
	}
	earliest(k.unsure(), k.now.Add(glance))
	earliest(k.estranged() && !k.asserting, k.nextAssert)
	earliest(len(k.batch) > 0 && !k.settling, k.nextSettle)
	earliest(len(k.back) > 0 && !k.backing, k.nextBack)
	earliest(k.newClaim && len(k.batch)+len(k.offers) == 0, k.sinceNew.Add(linger))
	earliest(k.room.broken, k.room.since.Add(lastWords))
	for _, h := range k.leases {
		earliest(!h.lapsed, Instant{Mono: h.term.Load().sellMono})
	}
	return next
}

// read takes claims from the Ring into the next batch, once they have waited long enough or are many.
func (k *Keeper) read() {
	k.a.resting.Store(true)
	unread := k.a.ring.unread()
	if unread == 0 {
		k.newClaim = false
		return
	}
	k.a.resting.Store(false)
	if !k.newClaim {
		k.newClaim, k.sinceNew = true, k.now
	}
	ripe := unread >= maxBatch || k.more || k.stopping || k.a.awaited() || k.now.Sub(k.sinceNew) >= linger
	if len(k.batch)+len(k.offers) > 0 || k.settling || !ripe {
		return
	}
	k.more = k.a.ring.collect(maxBatch, k.readOne)
	k.newClaim, k.sinceNew = k.a.ring.unread() > 0, k.now // some may be reserved and not written yet
	k.freeAnswered()
	if len(k.batch) == 0 {
		return
	}
	k.batchNo++
	k.nextSettle = k.now
}

func (k *Keeper) readOne(r record) {
	units := shard.Range{Start: r.Serial, End: r.Serial + r.Count}
	switch r.kind {
	case claim:
		k.batch = append(k.batch, r.Claim)
	case key:
		k.key = r.key()
	case offer:
		if k.cfg.Bounds.Lacks(OfferSettles) {
			k.batch = append(k.batch, r.Claim)
			return
		}
		k.offers = append(k.offers, &offering{Offer: Offer{r.Claim, k.key}, next: k.now.Add(askAfter)})
	case unsold:
		k.back = append(k.back, luascripts.Part{Fence: r.Fence, Range: units})
	case doubt:
		k.retire(units)
	}
}
