package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// saleName is the only sale of every world.
const saleName = "ticket"

// start is when worlds begin, in Unix nanoseconds.
const start = int64(1e18)

// world is one run. It has one goroutine, and only the seed decides.
type world struct {
	World
	rng    *rand.Rand
	fates  fates
	bounds ledger.Bounds // the edges'
	ledger ledger.Bounds // the scripts'; the same, but for mutants
	now    int64         // true time, nanoseconds
	agenda []happening   // the next is the last

	servers  []*server
	primary  *server // the newest; an older one may still think that it is the primary
	eras     uint64
	runs     uint64 // of server processes
	hosts    []*host
	edges    []*edge           // all that ever were
	nonces   uint64            // of Deducts
	offers   []allotment.Offer // all that were ever made
	entrants []*entrant
	batches  map[string]uint64 // for a mutant: the newest settled batch by node

	outage    int64 // nothing gets through until then
	healed    bool
	noBuyers  bool    // nobody buys any more
	given     []given // in a lull
	moved     int64   // when the store's clock last jumped, or another server took over
	moves     int64   // how often that happened
	backups   int
	calmUntil int64 // there are no faults before, so that living edges can prove in time that they have acted on more
	fresh     int64 // when units were last added, taken back, or lost with history
	check     checks
	silent    *entry // the script after which the operator heard that no edge sells
	asking    bool   // the Sentinels are being asked

	ran      [numbers]int // scripts, by their number in traces
	happened int
	edited   *entry // the script by which the operator had the sale close earlier
	telling  bool
	story    []string
}

// violation is the value with which a check panics.
type violation string

func (w *world) fail(format string, args ...any) { panic(violation(say(format, args))) }

func (w *world) lacks(m ledger.Mutant) bool { return w.bounds.Lacks(m) }

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d) + 1)) }

// oneOf returns a random duration up to one of these.
func (w *world) oneOf(ds ...time.Duration) time.Duration { return w.upTo(ds[w.rng.IntN(len(ds))]) }

func newWorld(seed uint64, mutant ledger.Mutant, telling bool) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{World: World{Seed: seed, Hash: fnvBasis}, rng: r, fates: drawFates(seed, r), bounds: ledger.DefaultBounds(),
		now: start, telling: telling, batches: map[string]uint64{}}
	w.Total = w.fates.total
	w.bounds.Cover, w.bounds.Lease, w.bounds.Mutant = w.fates.cover, w.fates.term, mutant
	if w.fates.most > 1 || seed%4 == 0 { // so few ranges count as many
		w.bounds.Ranges = []int{1, 2, 3, 64}[seed/4%4]
		w.bounds.Frees = []int{1, 2, 128}[seed/16%3]
		w.bounds.Held = []int{4, 8, 128}[seed/48%3]
	}
	w.ledger = w.bounds
	w.mutate()
	w.check = checks{world: w, owner: map[uint32]*promise{}, known: map[claimID]*promise{}}
	w.tell("%v", w.fates)
	w.openStore()
	for n := range w.fates.hosts {
		h := &host{world: w, id: uint64(n), name: fmt.Sprintf("n%d", n+1), route: w.primary, data: w.chance(w.fates.data),
			drift: 1 + (w.rng.Float64()-0.5)/500, wall: w.rng.Int64N(int64(time.Hour)) - int64(time.Hour/2)}
		w.hosts = append(w.hosts, h)
		h.begin()
	}
	return w
}

// live runs a world. Its result may have a violation.
func (w *world) live() (out World) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case violation:
			w.Wrong = string(r)
		default: // the code under test gave up
			w.Wrong = fmt.Sprintf("panic: %v", r)
			w.tell("%s", debug.Stack())
		}
		out = w.World
	}()
	w.run()
	return out
}

// run goes from the faults to the end.
func (w *world) run() {
	w.planFaults()
	if p := w.fates.plot; p != nil { // a world without one draws no random number for it
		p.plays(w, 2*time.Second+w.upTo(2*time.Second))
	}
	w.enters()
	w.quietBuyers()
	w.until(start+int64(w.fates.length), nil)
	w.heal()
	switch {
	case w.fates.closes > 0:
		w.rightClocks()
		w.until(w.now+max(w.closesAt()-w.primary.raw(), 0)*1000+int64(time.Millisecond), nil)
		w.mustEnd("the sale is closed, and nothing is on an edge", idleAfter,
			func(h ledger.Head) bool { return h.Leased+h.Limbo == 0 })
		w.until(w.now+int64(5*time.Second+w.longestNap()), nil)
	case w.fates.hold > 0:
		w.until(w.now+int64(4*time.Second), nil)
		w.noBuyers = true
		w.mustEnd("everything unpaid comes back", w.fates.hold+idleAfter,
			func(h ledger.Head) bool { return h.Free+h.Confirmed == h.Total })
	case w.rng.IntN(3) == 0:
		for _, e := range w.edges {
			e.stop()
		}
		w.mustEnd("the edges stop", 0, func(h ledger.Head) bool {
			return h.Leased+h.Limbo == 0 && !slices.ContainsFunc(w.edges, func(e *edge) bool { return !e.gone })
		})
	default:
		w.mustLast("everything is sold", 3*time.Second,
			func(h ledger.Head) bool { return h.Owned() == h.Total && h.Reopens == 0 && w.primary.up })
		w.check.everybodyKnows()
	}
	w.check.end()
}

// mustEnd waits for a state of the ledger. It waits for as long as a dead edge's last call takes to arrive, its lease to end,
// and limbo to be over (I15), and for more. After lost history it also waits for grants to begin (E2).
func (w *world) mustEnd(what string, more time.Duration, done func(ledger.Head) bool) {
	hold := w.fates.binds()
	if w.fates.sleepy > 0 {
		more += w.longestNap()
	}
	if w.Histories > 0 {
		more += max(w.fates.term+w.bounds.Margin, w.bounds.Proof) + hold
	}
	if w.fates.window > 0 { // winners collect
		more += w.fates.window + 2*hold + w.bounds.Proof
	}
	bound := more + longestStuck + w.fates.term + 2*w.bounds.Margin + hold + 4*time.Second
	from := w.now
	if !w.until(w.now+int64(bound), func() bool { return done(w.primary.twin.Last()) }) {
		w.fail("%s: not within %v: %v", what, bound, w.primary.twin.Last())
	}
	w.tell("%s, after %v", what, time.Duration(w.now-from))
}

// mustLast waits until something is so and stays so. By then every edge must know it, and no edge may ask for units that do
// not exist. A token that is shown late restarts the wait.
func (w *world) mustLast(what string, d time.Duration, so func(ledger.Head) bool) {
	if w.fates.sleepy > 0 {
		d += w.longestNap()
	}
	const most = 40 // times: a buyer with a token may cancel until its hold is over
	for range most {
		queue := time.Duration(0)
		if h := w.primary.twin.Last(); w.fates.sparse { // how long its buyers take for the rest, at one edge
			queue = time.Duration(h.Total-min(h.Total, h.Owned())) * 300 * time.Millisecond
		}
		w.mustEnd(what, queue, so)
		if !w.until(w.now+int64(d), func() bool { return !so(w.primary.twin.Last()) }) && w.mustRest() {
			return
		}
		w.tell("%s, but not for long", what)
	}
	w.fail("%s, and then it is not, %d times over", what, most)
}

// mustRest checks that Keepers without work look only now and then. It returns whether the state lasted.
func (w *world) mustRest() bool {
	before, d := w.ran, 2*time.Second
	h := w.primary.twin.Last()
	w.until(w.now+int64(d), nil)
	if w.primary.twin.Last().Gen != h.Gen { // somebody has cancelled meanwhile
		return false
	}
	if !h.Final() {
		return true
	}
	looks, asks := w.ran[renewing]-before[renewing], w.ran[leasing]-before[leasing]+w.ran[givingBack]-before[givingBack]
	if n := len(w.hosts); looks > 5*n || asks > 2*n {
		w.fail("all is sold, and in %v %d edges look %d times, and lease or give back %d times", d, n, looks, asks)
	}
	return true
}

// bounded checks that units do not go round for ever: an edge looks and asks a few times a second and for each sold unit.
func (w *world) bounded() {
	n := len(w.hosts)
	steady := n * (int(time.Duration(w.now-start)/time.Second) + 10)
	sold := int(w.Sold)
	looks := 2*steady + 8*sold
	if w.fates.window > 0 { // an edge looks more often for a draw that is due, which a recovery may delay
		looks += 10 * steady
	}
	if w.ran[renewing] > looks {
		w.fail("%d looks of %d edges, which sold %d units: more than %d", w.ran[renewing], n, sold, looks)
	}
	if asks := 3*steady + 4*sold; w.ran[leasing]+w.ran[givingBack] > asks {
		w.fail("%d leases and %d give-backs of %d edges, which sold %d units: more than %d", w.ran[leasing], w.ran[givingBack], n, sold,
			asks)
	}
}

// happening is something that will be done at a time.
type happening struct {
	at int64
	do func()
}

// after plans something for later. Of two at the same time, the one planned first is done first.
func (w *world) after(d time.Duration, do func()) {
	at := w.now + int64(max(d, 0))
	i, _ := slices.BinarySearchFunc(w.agenda, at, func(h happening, at int64) int { return cmp.Compare(at, h.at) })
	w.agenda = slices.Insert(w.agenda, i, happening{at, do})
}

// again does something at random times, until it returns true.
func (w *world) again(least, more time.Duration, do func() (over bool)) {
	w.after(least+w.upTo(more), func() {
		if !do() {
			w.again(least, more, do)
		}
	})
}

// until does everything that is due before a time, or until done is true.
func (w *world) until(end int64, done func() bool) bool {
	for last := len(w.agenda) - 1; last >= 0 && w.agenda[last].at <= end; last = len(w.agenda) - 1 {
		next := w.agenda[last]
		w.agenda = w.agenda[:last]
		w.now = next.at
		next.do()
		if w.happened++; w.happened > 4_000_000 {
			w.fail("too much happens: %d steps of the Keepers", w.Steps)
		}
		if done != nil && done() {
			return true
		}
	}
	w.now = max(w.now, end)
	return done != nil && done()
}
