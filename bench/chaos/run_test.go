//go:build chaos

package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// The environment: how many runs of each test count (SPIKE_CHAOS_RUNS), from which seed on (SPIKE_CHAOS_SEED), and whether
// this is the long run (SPIKE_CHAOS_LONG), with more runs and larger sales.

func number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func long() bool { return os.Getenv("SPIKE_CHAOS_LONG") != "" }

// size is how many runs a test has, and how many units their sales have: in the long run, and in a brief one.
type size struct {
	runs  uint64
	units uint32
	brief uint64
}

// The sizes. A brief sale has few units.
var (
	ofEdges     = size{50, 60_000, 2}
	ofOthers    = size{20, 20_000, 2}
	ofWorse     = size{20, 20_000, 1} // each run takes its time
	ofCrowdless = size{50, 0, 1}      // without a crowd
)

const briefly = 4_000 // units of a brief sale

const (
	sale   = "ticket"
	short  = 4 * time.Second // the hold of most sales: unpaid units are soon sold again
	margin = time.Second     // ledger.DefaultBounds().Margin
)

// healing is how long the crowd may need to buy and pay for the last unit after the fault is healed. It has a new era's delay
// and a dead edge's, one after the other, and the hold of abandoned units. It is doubled for a slow machine, which may then still
// need a while.
func (s *shop) healing() time.Duration {
	return 2*(2*(Lease+s.hold+2*margin)+s.hold) + s.pace() + patient
}

// pace is how long the crowd may take for the whole sale without a fault.
func (s *shop) pace() time.Duration { return time.Duration(s.units) * time.Millisecond }

// tries is how many runs may miss the moment, for each run that counts.
const tries = 3

// try makes runs until enough of them count. A run that fails names its seed.
func try(t *testing.T, of size, run func(*shop)) {
	t.Helper()
	t.Parallel()
	if !long() {
		of.runs, of.units = of.brief, briefly
	}
	want, seed := int(number(t, "SPIKE_CHAOS_RUNS", of.runs)), number(t, "SPIKE_CHAOS_SEED", uint64(time.Now().UnixNano()%1_000_000))
	var all account
	for i := 0; all.valid < want; i++ {
		if i == tries*want {
			t.Skipf("no evidence: %d runs of %d count, and %d were wanted", all.valid, i, want)
		}
		s := newShop(seed+uint64(i), of.units)
		if !t.Run(fmt.Sprintf("seed=%d", s.seed), func(t *testing.T) { s.run(t, run) }) {
			t.Fatalf("run again with SPIKE_CHAOS_SEED=%d SPIKE_CHAOS_RUNS=1", s.seed)
		}
		all.add(s)
	}
	t.Logf("%s: %v", t.Name(), all)
}

// account is the result of a test's runs.
type account struct {
	runs, valid int
	units       uint32
	from, to    float64 // sold when struck
	slowest     time.Duration
	heard       map[Word]int
}

func (a *account) add(s *shop) {
	a.runs++
	if !s.valid {
		return
	}
	if a.valid++; a.valid == 1 {
		a.from = s.struck
	}
	a.units = s.units
	a.from, a.to = min(a.from, s.struck), max(a.to, s.struck)
	a.slowest = max(a.slowest, s.took)
	if s.crowd == nil {
		return
	}
	if a.heard == nil {
		a.heard = map[Word]int{}
	}
	for word, n := range s.crowd.History.Heard() {
		a.heard[word] += n
	}
}

func (a account) String() string {
	var answers []string
	for _, word := range slices.Sorted(maps.Keys(a.heard)) {
		answers = append(answers, fmt.Sprintf("%s %d", word, a.heard[word]))
	}
	paid := "never sold out"
	if a.slowest > 0 {
		paid = fmt.Sprintf("all paid for at most %.1f s later", a.slowest.Seconds())
	}
	return fmt.Sprintf("%d runs, %d valid; %d units each; struck at %.0f .. %.0f %% sold; %s; buys: %s", a.runs, a.valid, a.units,
		100*a.from, 100*a.to, paid, strings.Join(answers, ", "))
}

// shop is the servers and the crowd of one run.
type shop struct {
	t        *testing.T
	seed     uint64
	units    uint32
	rnd      *rand.Rand
	mark     float64 // how much is sold when the fault strikes
	dir      string
	redis    string // the address for operators
	edges    []*Edge
	crowd    *Crowd
	hold     time.Duration
	limit    int           // units per buyer; 0: nobody is known
	timeout  time.Duration // of buyers
	struckAt time.Duration
	struck   float64
	valid    bool
	took     time.Duration
	silences []Silence
	lost     *Loss // the time that the store has forgotten
}

func newShop(seed uint64, units uint32) *shop {
	s := &shop{seed: seed, units: units, rnd: rand.New(rand.NewPCG(seed, 4)), hold: short, timeout: 5 * time.Second}
	s.mark = s.between(0.08, 0.80)
	return s
}

func (s *shop) between(from, to float64) float64 { return from + (to-from)*s.rnd.Float64() }

// pause waits for a time that the seed picks.
func (s *shop) pause(from, to time.Duration) {
	time.Sleep(time.Duration(s.between(float64(from), float64(to))))
}

func (s *shop) run(t *testing.T, run func(*shop)) {
	s.t, s.dir = t, t.TempDir()
	t.Cleanup(func() {
		if s.crowd != nil {
			s.crowd.End()
		}
	})
	run(s)
}

// open makes the sale and three edges, which connect to the store at redis, and starts the crowd.
func (s *shop) open(operators, redis string) {
	s.t.Helper()
	s.create(operators)
	for i := range 3 {
		s.edges = append(s.edges, NewEdge(s.t, s.dir, fmt.Sprintf("edge%d", i+1), redis))
	}
	s.gather(s.edges...)
}

// create makes the sale.
func (s *shop) create(operators string, args ...string) {
	s.t.Helper()
	s.redis = operators
	if s.limit > 0 {
		args = append(args, "--limit-per-buyer", fmt.Sprint(s.limit))
	}
	args = append(args, "--hold", s.hold.String())
	if err := rig.MakeSale(s.t.Context(), rigtest.Binary(s.t), operators, sale, int64(s.units), args...); err != nil {
		s.t.Fatal(err)
	}
}

// gather starts the crowd, at these edges and at others that may start later.
func (s *shop) gather(edges ...*Edge) {
	var endpoints []Endpoint
	for _, e := range edges {
		endpoints = append(endpoints, e.Endpoint)
	}
	o := Options{Sale: sale, Units: s.units, Endpoints: endpoints, Buyers: 12, Payers: 12, Pause: 8 * time.Millisecond,
		Timeout: s.timeout, Seed: s.seed, Limit: s.limit}
	if long() {
		o.Buyers, o.Payers, o.Pause = 24, 24, 3*time.Millisecond
	}
	s.crowd = Gather(s.t.Context(), o)
}

// victim returns an edge that the seed picks.
func (s *shop) victim() *Edge { return s.edges[s.rnd.IntN(len(s.edges))] }

// strike does harm when as much is sold as the seed says. If that was too early or too late, the run ends.
func (s *shop) strike(harm func()) {
	s.t.Helper()
	const busy = 4 * time.Minute // a few seconds, on a machine that does nothing else
	within(s.t, busy, fmt.Sprintf("%.0f %% are sold", 100*s.mark), func() bool { return s.crowd.Sold() >= s.mark })
	before := s.crowd.Sold()
	harm()
	s.struckAt, s.struck = s.crowd.History.Now(), s.crowd.Sold()
	if before < 0.05 || s.struck > 0.95 {
		s.t.Skipf("no evidence: struck between %.1f and %.1f %% sold", 100*before, 100*s.struck)
	}
}

// silentUntilNow ends the harm: since the strike nobody could know that nothing is left.
func (s *shop) silentUntilNow() {
	s.silences = append(s.silences, Silence{s.struckAt, s.crowd.History.Now()})
}

// silentFor is for harm without a visible end: for so long after it nobody could know.
func (s *shop) silentFor(d time.Duration) {
	s.silences = append(s.silences, Silence{s.struckAt, s.struckAt + d})
}

// finish lets the crowd go on until every unit is paid for, and judges everything.
func (s *shop) finish(within time.Duration) {
	s.t.Helper()
	s.crowd.Calm()
	s.toTheLast(within)
	s.lastWords()
	s.crowd.End()
	s.judge()
	s.t.Logf("struck at %.0f %%, all paid for after %.1f s", 100*s.struck, s.took.Seconds())
}

// toTheLast waits until every unit is confirmed in the ledger, and every winner is done.
func (s *shop) toTheLast(within time.Duration) {
	s.t.Helper()
	begin := time.Now()
	for ; ; time.Sleep(200 * time.Millisecond) {
		late := time.Since(begin) > within
		if !late && (s.crowd.Sold() < 1 || !s.crowd.Idle()) {
			continue
		}
		a, known := Audit(s.t, s.redis, sale)
		if known && !a.OK {
			s.t.Fatalf("audit: %+v", a)
		}
		if known && a.Confirmed == a.Total {
			break
		}
		if late {
			s.t.Errorf("not within %v: everything is sold and paid for: %.1f %% sold, audit (known: %v) %+v; buys heard %v", within,
				100*s.crowd.Sold(), known, a, s.crowd.History.Heard())
			s.crowd.End()
			s.judge()
			s.t.FailNow()
		}
	}
	s.took = s.crowd.History.Now() - s.struckAt
}

// recount checks that the ledger still says so, after an old primary has come back.
func (s *shop) recount() {
	s.t.Helper()
	if a, known := Audit(s.t, s.redis, sale); !known || !a.OK || a.Confirmed != a.Total {
		s.t.Errorf("audit, when all are back (known: %v): %+v", known, a)
	}
}

// lastWords waits until every living edge says "sold out" for good.
func (s *shop) lastWords() {
	s.t.Helper()
	for _, e := range s.edges {
		conn := crowd.NewConn(s.t.Context(), e.Buyers, s.timeout, nil)
		within(s.t, 10*time.Second, e.Name+" says that all is sold", func() bool {
			if !e.Alive() {
				return true
			}
			a, err := conn.Ask("POST", "/buy/"+sale, "X-Buyer-Id", "the last")
			if err != nil {
				return false
			}
			word, _ := bought(a)
			return word == SoldOut
		})
		conn.Close()
	}
}

// judge fails the run for every broken promise.
func (s *shop) judge() {
	s.t.Helper()
	ops := s.crowd.History.Ops()
	known := ops
	if s.lost != nil {
		known = Forget(ops, *s.lost)
	}
	for _, broken := range Judge(known, s.units, s.silences...) {
		s.t.Error(broken)
	}
	if s.limit > 0 {
		for _, broken := range JudgeKeys(ops, s.limit) {
			s.t.Error(broken)
		}
	}
	if !s.t.Failed() && s.took > 0 {
		for _, broken := range Unowned(ops, s.units) {
			s.t.Error(broken)
		}
	}
	s.valid = true
}
