package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"time"
)

// store is a kind of Redis.
type store int

// The kinds of Redis.
const (
	fsynced  store = iota // alone, appendfsync always
	lossy                 // alone; a crash loses its newest writes
	replica               // with one replica
	replicas              // with two
	stores
)

// replicas is how many it has.
func (s store) replicas() int { return max(0, int(s-lossy)) }

func (s store) String() string { return [...]string{"fsynced", "lossy", "replica", "replicas"}[s] }

// fates are the random choices of a world.
type fates struct {
	hosts   int
	total   uint64
	store   store
	hold    time.Duration // 0: a sale is final
	cover   time.Duration
	term    time.Duration
	length  time.Duration // of the time with faults
	slack   time.Duration // buyers come so many times more seldom
	loss    float64       // share of calls that are lost, on either way
	slow    float64       // share of slow calls
	sleepy  float64       // share of buys whose goroutine stalls
	data    float64       // share of edges that keep their ring in a file
	most    uint32        // units in one buy
	deducts bool          // a buyer who has waited in vain buys from the ledger
	sweeper bool          // another process calls Expire all the time
	faults
	plot *plot // nil: none

	pays, cancels, looks float64 // shares of winners who confirm, cancel, or only look
	prolongs             float64 // share of winners whose payment service asks for more time first
	refunds              float64 // share of paid units whose money goes back

	closes   time.Duration // from the start; 0: never
	edits    bool          // the operator has the sale close earlier
	window   time.Duration // of a draw; 0: no draw
	together bool          // buys that ask the ledger go together
	limit    uint32        // units per buyer, all of which are sold so; 0: no limit

	lullFrom, lullUntil int64 // few buyers come between them; 0: there is no lull
}

// faults are the faults of a world, and what else would spoil a plot.
type faults struct {
	outages, cuts, lags   bool // nobody reaches the store, one edge does not, a replica does not
	deaths, pauses, stops bool // of edges
	crashes, jumps        bool // of the store, and of clocks
	eras                  bool // the history gets a new name, and nothing else happens
	backups               bool // a server may come back with an older file, and its replicas may die with it
	votes                 bool // votes give up replicas that are gone for long, while others come and go
	cutsAgain             bool // a cut history is cut again before its recovery is over, or about then
	badDays               bool // several faults at the same time
	changes               bool // the operator pauses, resumes and adds units
	pausing               bool // the operator pauses the sale, also just after the store has lost its newest history
	copies                bool // rings are copied while their edges live
	keys                  bool // some buyers have an idempotency key
	quiet                 bool // nobody buys for so long that the sale goes to sleep
	sparse                bool // one buyer at a time at each edge, about as far apart as units wait for one
}

// binds is how long a promise binds: the hold, or the cover that stands for it.
func (f fates) binds() time.Duration { return cmp.Or(f.hold, f.cover) }

// recovery is about how long a new era that has lost history grants nothing.
func (f fates) recovery() time.Duration { return max(f.term+time.Second, 4*time.Second) + f.binds() }

// crowded says whether a world is one of the few with hundreds of edges.
func (f fates) crowded() bool { return f.hosts > 8 }

func drawFates(seed uint64, r *rand.Rand) fates {
	often := func() bool { return r.IntN(2) == 0 }
	seconds := func(from, more int) time.Duration { return time.Duration(from+r.IntN(more)) * time.Second }
	f := fates{hosts: 2 + r.IntN(7), total: 1 + uint64(r.IntN(120)), store: store(r.IntN(int(stores))),
		term: time.Duration(3+r.IntN(8)) * time.Second / 2, cover: seconds(2, 6), length: seconds(4, 16), slack: 1, most: 1}
	f.changes, f.jumps, f.outages, f.cuts, f.deaths = r.IntN(4) == 0, often(), r.IntN(3) == 0, often(), often()
	f.pauses, f.stops, f.quiet, f.deducts = often(), r.IntN(4) == 0, r.IntN(6) == 0, often()
	f.crashes, f.lags, f.eras, f.sweeper = r.IntN(3) > 0, often(), r.IntN(8) == 0, often()
	f.data = []float64{0, 0.5, 1}[r.IntN(3)]
	if r.IntN(3) > 0 {
		f.hold = time.Duration(300+r.IntN(6000)) * time.Millisecond
		f.pays, f.cancels, f.looks = 0.6*r.Float64(), 0.3*r.Float64(), 0.3*r.Float64()
	} else if often() {
		f.pays, f.cancels = 0.1, 0.05
	}
	if often() {
		f.loss, f.slow = 0.2*r.Float64(), 0.2*r.Float64()
	}
	if often() {
		f.slack = time.Duration(2 + r.IntN(5))
	}
	if r.IntN(3) == 0 {
		f.sleepy = 0.2
		f.slack = max(f.slack, 3) // an edge that slept must find units
	}
	if r.IntN(4) == 0 {
		f.most = 3
	}
	f.backups = r.IntN(3) == 0
	f.copies, f.keys = f.data > 0 && r.IntN(3) == 0, r.IntN(3) == 0
	if r.IntN(200) == 0 {
		f.hosts, f.total, f.length = 100+r.IntN(201), 200+uint64(r.IntN(800)), seconds(4, 6)
	}
	for _, part := range []struct { // each has random numbers of its own, so that it changes no world without it
		stream uint64
		draw   func(*fates, *rand.Rand)
	}{
		{2, (*fates).drawRare}, {4, (*fates).drawDoors}, {5, (*fates).drawPlot}, {6, (*fates).drawWindow},
		{7, (*fates).drawTogether}, {8, (*fates).drawPayments}, {0x6c756c6c, (*fates).drawLull},
	} {
		part.draw(&f, rand.New(rand.NewPCG(seed, part.stream)))
	}
	return f
}

// drawRare draws what chance alone would bring once in tens of thousands of worlds.
func (f *fates) drawRare(r *rand.Rand) {
	one := func(in int) bool { return r.IntN(in) == 0 && !f.crowded() }
	f.cutsAgain, f.badDays, f.sparse = one(5), one(6), one(8)
	if !f.cutsAgain {
		return
	}
	// Units last through one or two recoveries of a Redis that forgets, so that an edge that still sells has something to lose.
	f.store, f.crashes = lossy, true
	f.total, f.slack = max(f.total, 40), max(f.slack, 4)
	if f.hold > time.Second {
		f.hold /= 4
	}
	f.cover = min(f.cover, 3*time.Second)
	f.length += 2 * f.recovery()
}

func (f *fates) drawDoors(r *rand.Rand) {
	f.pausing = r.IntN(6) == 0
	if f.pausing && r.IntN(2) == 0 {
		f.sleepy, f.slack = max(f.sleepy, 0.1), max(f.slack, 3)
	}
	f.votes = f.store >= replica && r.IntN(3) == 0
	if r.IntN(10) == 0 && !f.crowded() {
		f.closes = f.length/4 + time.Duration(r.Int64N(int64(f.length)))
	}
}

func (f *fates) drawWindow(r *rand.Rand) {
	if r.IntN(10) == 0 && f.plot == nil && !f.crowded() && f.closes == 0 {
		f.window = time.Second + time.Duration(r.Int64N(int64(3*time.Second)))
	}
}

func (f *fates) drawTogether(r *rand.Rand) {
	if r.IntN(5) > 0 || f.plot != nil || f.crowded() {
		return
	}
	f.together, f.keys = true, true
	if r.IntN(2) == 0 && f.window == 0 {
		f.limit = 1 + uint32(r.IntN(3))
	}
}

func (f *fates) drawPayments(r *rand.Rand) {
	if r.IntN(4) > 0 || f.keys { // an offer to a key goes wrong seldom, and money must not hide it
		return
	}
	f.prolongs = 0.6 * r.Float64()
	// A lost refund leaves its unit with the owner before, and a lease of it from the lost history is worth nothing.
	if f.store != lossy && !f.backups && f.plot == nil {
		f.refunds = 0.6 * r.Float64()
	}
	if f.edits = r.IntN(3) == 0 && !f.pausing && !f.crowded() && f.window == 0; f.edits {
		f.closes, f.jumps = f.length, false
	}
}

func (f *fates) drawLull(r *rand.Rand) {
	if r.IntN(8) > 0 || f.hold == 0 || f.crowded() || f.plot != nil || f.window > 0 || f.limit > 0 {
		return
	}
	f.hold = time.Duration(60+r.IntN(60)) * time.Second
	f.total, f.hosts, f.slack = max(f.total, 40), 2, 1
	if r.IntN(2) == 0 { // without other faults
		f.jumps, f.crashes, f.eras, f.deaths, f.pauses = false, false, false, false, false
		f.outages, f.stops, f.sweeper, f.changes = false, false, false, false
	}
	lull := time.Duration(60+r.IntN(90)) * time.Second
	f.lullFrom, f.lullUntil = start+int64(time.Second), start+int64(lull)
	f.length = max(f.length, lull+time.Second)
}

func (f fates) String() string {
	return fmt.Sprintf("%d edges sell %d units; Redis: %v; lease %v, hold %v, cover %v; faults for %v; "+
		"loss %.0f %%, slow %.0f %%, stalls %.0f %%, rings on disk %.0f %%; up to %d a buy; "+
		"pay %.0f %%, cancel %.0f %%, look %.0f %%; deducts %v, sweeper %v, changes %v, jumps %v, outages %v, cuts %v, "+
		"deaths %v, pauses %v, stops %v, quiet %v, crashes %v, lags %v, eras %v, backups %v, "+
		"pauses of the sale %v, votes %v, closes %v, copies %v, keys %v, together %v, limit %d, draws after %v; "+
		"prolong %.0f %%, refund %.0f %%, closes earlier %v; cut again %v, bad days %v, few buyers %v; %v",
		f.hosts, f.total, f.store, f.term, f.hold, f.cover, f.length, 100*f.loss, 100*f.slow, 100*f.sleepy, 100*f.data, f.most,
		100*f.pays, 100*f.cancels, 100*f.looks, f.deducts, f.sweeper, f.changes, f.jumps, f.outages, f.cuts,
		f.deaths, f.pauses, f.stops, f.quiet, f.crashes, f.lags, f.eras, f.backups,
		f.pausing, f.votes, f.closes, f.copies, f.keys, f.together, f.limit, f.window,
		100*f.prolongs, 100*f.refunds, f.edits, f.cutsAgain, f.badDays, f.sparse, f.plot)
}
