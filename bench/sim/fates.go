package sim

import (
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
	pays    float64       // share of winners who confirm
	cancels float64       // who cancel
	looks   float64       // who only look
	deducts bool          // a buyer who has waited in vain buys from the ledger
	sweeper bool          // another process calls Expire all the time
	changes bool          // the operator pauses, resumes and adds units
	jumps   bool          // clocks jump
	outages bool
	cuts    bool // between one edge and the store
	deaths  bool
	pauses  bool
	stops   bool
	quiet   bool // nobody buys for so long that the sale goes to sleep
	crashes bool // of the store
	lags    bool // of its replicas
	eras    bool // the history gets a new name, and nothing else happens
	backups bool // a server may come back with an older file, and its replicas may die with it
	watched
	rare     rare
	plot     plot
	window   time.Duration // of a draw; 0: no draw
	copies   bool          // rings are copied while their edges live
	keys     bool          // some buyers have an idempotency key
	together together
	payment  payment
}

// binds is how long a promise binds: the hold, or the cover that stands for it.
func (f fates) binds() time.Duration {
	if f.hold > 0 {
		return f.hold
	}
	return f.cover
}

// crowded says whether a world is one of the few with hundreds of edges.
func (f fates) crowded() bool { return f.hosts > 8 }

func drawFates(r *rand.Rand) fates {
	often := func() bool { return r.IntN(2) == 0 }
	seconds := func(from, more int) time.Duration { return time.Duration(from+r.IntN(more)) * time.Second }
	f := fates{hosts: 2 + r.IntN(7), total: 1 + uint64(r.IntN(120)), store: store(r.IntN(int(stores))),
		term: time.Duration(3+r.IntN(8)) * time.Second / 2, cover: seconds(2, 6), length: seconds(4, 16), slack: 1, most: 1,
		changes: r.IntN(4) == 0, jumps: often(), outages: r.IntN(3) == 0, cuts: often(), deaths: often(), pauses: often(),
		stops: r.IntN(4) == 0, quiet: r.IntN(6) == 0, deducts: often(),
		crashes: r.IntN(3) > 0, lags: often(), eras: r.IntN(8) == 0, sweeper: often(), data: []float64{0, 0.5, 1}[r.IntN(3)]}
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
	return f
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
		f.pausing, f.votes, f.closes, f.copies, f.keys, f.together.on, f.together.limit, f.window,
		100*f.payment.prolongs, 100*f.payment.refunds, f.payment.edits, f.rare.again, f.rare.badDay, f.rare.sparse, f.plot)
}
