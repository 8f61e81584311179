package allotment

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/luascripts"
)

// The simulation: real Keepers and Allotments, the real ledger (its twin in Go), and a network, clocks, buyers and
// accidents that a seed decides. Time is a number, so a minute of it costs milliseconds.

// fates is what a seed holds in store for its world.
type fates struct {
	edges   int
	total   uint64
	hold    time.Duration // 0: sold is sold
	cover   time.Duration
	term    time.Duration
	length  time.Duration // of the troubled part
	loss    float64       // of calls, on either way
	slow    float64       // calls that take their time
	sleepy  float64       // buys whose goroutine stalls half way
	most    uint32        // units in one buy
	deducts bool          // buyers who waited in vain buy from the ledger
	changes bool          // the operator pauses, opens, adds
	jumps   bool          // clocks do
	outages bool
	deaths  bool
	pauses  bool
	stops   bool
	quiet   bool // nobody buys for so long that the sale goes to sleep
}

func drawFates(r *rand.Rand) fates {
	often := func() bool { return r.IntN(2) == 0 }
	f := fates{edges: 1 + r.IntN(4), total: 1 + uint64(r.IntN(120)), term: time.Duration(3+r.IntN(3)) * time.Second,
		cover: time.Duration(2+r.IntN(6)) * time.Second, length: time.Duration(4+r.IntN(16)) * time.Second, most: 1,
		changes: r.IntN(4) == 0, jumps: r.IntN(3) == 0, outages: often(), deaths: r.IntN(3) == 0, pauses: often(),
		stops: r.IntN(4) == 0, quiet: r.IntN(6) == 0, deducts: often()}
	if often() {
		f.hold = time.Duration(300+r.IntN(6000)) * time.Millisecond
	}
	if often() {
		f.loss, f.slow = 0.2*r.Float64(), 0.2*r.Float64()
	}
	if r.IntN(3) == 0 {
		f.sleepy = 0.15
	}
	if r.IntN(4) == 0 {
		f.most = 3
	}
	return f
}

// happening is a thing to come.
type happening struct {
	at    int64
	order int
	do    func()
}

type agenda []happening

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a *agenda) Push(x any) { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// line is a line of the story, written out only when somebody has to read it.
type line struct {
	at   int64
	text string
	args []any
}

// world is one run.
type world struct {
	rng    *rand.Rand
	fates  fates
	now    int64 // true time, nanoseconds
	shift  int64 // of the ledger's clock
	jumped int64 // when it last jumped
	agenda agenda
	made   int

	ledger  *luascripts.Embedded
	bounds  luascripts.Bounds
	edges   []*simEdge
	outage  int64 // until then nothing gets through
	healed  bool
	shut    bool  // nobody buys any more
	added   int64 // when units were last added
	story   []line
	check   checks
	steps   int
	actions int
}

// violation is what a check panics with.
type violation string

func (w *world) fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, line{w.now, format, args})
}

func (w *world) after(d time.Duration, do func()) {
	w.made++
	heap.Push(&w.agenda, happening{w.now + int64(max(d, 0)), w.made, do})
}

// until runs what is due before a time, or until done says so.
func (w *world) until(end int64, done func() bool) bool {
	for len(w.agenda) > 0 && w.agenda[0].at <= end {
		next := heap.Pop(&w.agenda).(happening)
		w.now = next.at
		next.do()
		w.actions++
		if w.actions > 400_000 {
			w.fail("too much happens: %d steps of the Keepers", w.steps)
		}
		if done != nil && done() {
			return true
		}
	}
	w.now = max(w.now, end)
	return done != nil && done()
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d) + 1)) }

const simStart = int64(1e18)

func newWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{rng: r, fates: drawFates(r), now: simStart, bounds: luascripts.DefaultBounds()}
	w.bounds.Cover = w.fates.cover
	w.ledger = luascripts.NewEmbedded(w.bounds, func() time.Time { return time.Unix(0, w.now+w.shift) })
	if _, err := w.ledger.Create(context.Background(), benchSale, luascripts.CreateRequest{Total: w.fates.total, Hold: w.fates.hold}); err != nil {
		panic(err)
	}
	w.check = newChecks(w)
	w.tell("%+v", w.fates)
	for range w.fates.edges {
		w.join()
	}
	return w
}

// live runs a world from its troubles to its end.
func (w *world) live() {
	w.troubles()
	w.until(simStart+int64(w.fates.length), nil)
	w.heal()
	switch {
	case w.fates.hold > 0:
		w.until(w.now+int64(4*time.Second), nil)
		w.shut = true
		w.mustEnd("everything unpaid comes back", w.fates.hold+idleAfter, func(h luascripts.Head) bool { return h.Free == h.Total })
	case w.rng.IntN(3) == 0:
		for _, e := range w.edges {
			e.stop()
		}
		w.mustEnd("the edges stop", 0, func(h luascripts.Head) bool { return h.Leased+h.Limbo == 0 && w.allStopped() })
	default:
		w.mustEnd("everything is sold", 0, func(h luascripts.Head) bool { return h.Pending == h.Total })
		w.until(w.now+int64(5*time.Second+longestNap), nil)
		w.check.everybodyKnows()
	}
	w.check.end()
}

func (w *world) allStopped() bool {
	for _, e := range w.edges {
		if !e.gone {
			return false
		}
	}
	return true
}

// mustEnd waits for an account of the ledger, no longer than it takes a dead edge's last call to arrive, its lease to
// end, and limbo; and `more`.
func (w *world) mustEnd(what string, more time.Duration, done func(luascripts.Head) bool) {
	hold := w.fates.hold
	if hold == 0 {
		hold = w.fates.cover
	}
	if w.fates.sleepy > 0 {
		more += longestNap
	}
	bound := more + longestStuck + w.fates.term + 2*w.bounds.Margin + hold + 4*time.Second
	start := w.now
	ok := w.until(w.now+int64(bound), func() bool { return done(w.check.look()) })
	if !ok {
		w.fail("%s: not within %v: %+v", what, bound, w.check.audit())
	}
	w.tell("%s, after %v", what, time.Duration(w.now-start))
}

// read prints a story's end.
func (w *world) read(most int) string {
	var s strings.Builder
	from := max(0, len(w.story)-most)
	for i, l := range w.story {
		if i > 0 && i < from {
			continue
		}
		fmt.Fprintf(&s, "%10.4f ", float64(l.at-simStart)/1e9)
		args := make([]any, len(l.args))
		for k, arg := range l.args {
			args[k] = brief(arg)
		}
		fmt.Fprintf(&s, l.text+"\n", args...)
	}
	return s.String()
}

// brief says a call or its answer in few words.
func brief(v any) any {
	switch v := v.(type) {
	case luascripts.LeaseRequest:
		return fmt.Sprintf("lease #%d want %d hungry %v", v.Request, v.Want, v.Hungry)
	case luascripts.RenewRequest:
		return fmt.Sprintf("renew %v awaiting #%d", v.Fences, v.Awaited)
	case luascripts.SettleRequest:
		return fmt.Sprintf("settle #%d %v", v.Batch, brief(v.Claims))
	case luascripts.GiveBackRequest:
		return fmt.Sprintf("give back %v", v.Parts)
	case luascripts.LeaseReply:
		return fmt.Sprintf("%v granted %v under %d until %d", brief(v.Head), v.Grant.Ranges, v.Grant.Fence, v.Grant.Deadline)
	case luascripts.RenewReply:
		return fmt.Sprintf("%v deadlines %v", brief(v.Head), v.Deadlines)
	case luascripts.SettleReply:
		return fmt.Sprintf("%v verdicts %v", brief(v.Head), v.Verdicts)
	case luascripts.GiveBackReply:
		return fmt.Sprintf("%v freed %d", brief(v.Head), v.Freed)
	case luascripts.Head:
		return fmt.Sprintf("[%d of %d: %d free %d leased %d limbo %d pending, recall %v, %v]", v.Now, v.Total, v.Free, v.Leased,
			v.Limbo, v.Pending, v.Recall, v.State)
	case luascripts.Claim:
		return fmt.Sprintf("%d+%d under %d nonce %d until %d", v.Serial, v.Count, v.Fence, v.Nonce, v.Expiry)
	case []luascripts.Claim:
		var all []any
		for _, c := range v {
			all = append(all, brief(c))
		}
		return all
	}
	return v
}

// runSeed lives one world, and says what went wrong in it.
func runSeed(seed uint64) (w *world, wrong string) {
	w = newWorld(seed)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case violation:
			wrong = string(r)
		default:
			w.tell("panic: %v", r)
			panic(fmt.Sprintf("seed %d: %v\n%s", seed, r, w.read(60)))
		}
	}()
	w.live()
	return w, ""
}

// simSeeds is which worlds to live: SPIKE_SIM_SEED=7 one of them, SPIKE_SIM_SEEDS=100000 many.
func simSeeds() (first, n uint64) {
	if one, err := strconv.ParseUint(os.Getenv("SPIKE_SIM_SEED"), 10, 64); err == nil {
		return one, 1
	}
	if many, err := strconv.ParseUint(os.Getenv("SPIKE_SIM_SEEDS"), 10, 64); err == nil {
		return 0, many
	}
	return 0, defaultSeeds
}

func TestSimulation(t *testing.T) {
	first, seeds := simSeeds()
	var sold, half, resold, steps, tales int
	start := time.Now()
	for seed := first; seed < first+seeds; seed++ {
		w, wrong := runSeed(seed)
		if wrong != "" {
			t.Errorf("seed %d: %s\n%s", seed, wrong, w.read(120))
			if tales++; tales == 3 {
				t.FailNow()
			}
			continue
		}
		sold += w.check.kept
		steps += w.steps
		if uint64(w.check.kept) > w.fates.total/2 {
			half++
		}
		if uint64(w.check.kept) > w.check.audit().Total {
			resold++
		}
	}
	took := time.Since(start)
	t.Logf("%d seeds in %v (%.0f a second), %d steps, %d units sold, %d seeds sold some again", seeds, took.Round(time.Millisecond),
		float64(seeds)/took.Seconds(), steps, sold, resold)
	if uint64(half) < seeds*8/10 || uint64(resold) < seeds/20 {
		t.Errorf("of %d seeds %d sold half of their units and %d some again: too little to prove anything", seeds, half, resold)
	}
}
