package sim

import (
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
	agenda agenda

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
	noBuyers  bool // nobody buys any more
	quiet     quietPeriod
	moved     int64 // when the store's clock last jumped, or another server took over
	moves     int64 // how often that happened
	backups   int
	calmUntil int64 // there are no faults before, so that living edges can prove in time that they have acted on more
	fresh     int64 // when units were last added, taken back, or lost with history
	check     checks
	silent    *entry // the script after which the operator heard that no edge sells
	asking    bool   // the Sentinels are being asked

	calls    calls
	happened int
	edited   *entry // the script by which the operator had the sale close earlier
	telling  bool
	story    []line
}

// violation is the value with which a check panics.
type violation string

func (w *world) fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

func (w *world) lacks(m ledger.Mutant) bool { return w.bounds.Lacks(m) }

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d) + 1)) }

// oneOf returns a random duration up to one of these.
func (w *world) oneOf(ds ...time.Duration) time.Duration { return w.upTo(ds[w.rng.IntN(len(ds))]) }

func newWorld(seed uint64, mutant ledger.Mutant, telling bool) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{World: World{Seed: seed, Hash: fnvBasis}, rng: r, fates: drawFates(r), now: start, telling: telling,
		batches: map[string]uint64{}}
	w.fates.rare = drawRare(seed, &w.fates)
	w.fates.watch(seed)
	w.fates.plot = drawPlot(seed, &w.fates)
	w.fates.drawWindow(seed)
	w.fates.gathers(seed)
	w.fates.payments(seed)
	w.drawQuiet()
	w.Total = w.fates.total
	w.bounds = ledger.DefaultBounds()
	w.bounds.Cover, w.bounds.Lease, w.bounds.Mutant = w.fates.cover, w.fates.term, mutant
	w.tighten()
	w.ledger = w.bounds
	w.mutate()
	w.check = newChecks(w)
	w.tell("%v", w.fates)
	w.openStore()
	for n := range w.fates.hosts {
		w.hosts = append(w.hosts, newHost(w, n))
		w.hosts[n].begin()
	}
	return w
}

// live runs a world, and returns the violation that it found.
func (w *world) live() (wrong string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case violation:
			wrong = string(r)
		default: // the code under test gave up
			wrong = fmt.Sprintf("panic: %v", r)
			w.tell("%s", debug.Stack())
		}
	}()
	w.run()
	return ""
}

// run goes from the faults to the end.
func (w *world) run() {
	w.planFaults()
	w.plays()
	w.enters()
	w.quietBuyers()
	w.until(start+int64(w.fates.length), nil)
	w.heal()
	switch {
	case w.fates.closes > 0:
		w.atTheEnd()
	case w.fates.hold > 0:
		w.until(w.now+int64(4*time.Second), nil)
		w.noBuyers = true
		w.mustEnd("everything unpaid comes back", w.fates.hold+idleAfter,
			func(h ledger.Head) bool { return h.Free+h.Confirmed == h.Total })
	case w.rng.IntN(3) == 0:
		for _, e := range w.edges {
			e.stop()
		}
		w.mustEnd("the edges stop", 0, func(h ledger.Head) bool { return h.Leased+h.Limbo == 0 && w.allStopped() })
	default:
		w.mustLast("everything is sold", 3*time.Second,
			func(h ledger.Head) bool { return h.Owned() == h.Total && h.Reopens == 0 && w.primary.up })
		w.check.everybodyKnows()
	}
	w.check.end()
}

func (w *world) allStopped() bool {
	return !slices.ContainsFunc(w.edges, func(e *edge) bool { return !e.gone })
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
	bound := more + w.collecting() + longestStuck + w.fates.term + 2*w.bounds.Margin + hold + 4*time.Second
	from := w.now
	if !w.until(w.now+int64(bound), func() bool { return done(w.primary.twin.Last()) }) {
		w.fail("%s: not within %v: %v", what, bound, brief(w.primary.twin.Last()))
	}
	w.tell("%s, after %v", what, time.Duration(w.now-from))
}
