package price

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/measure"
	"spike/bench/report"
	"spike/shard"
)

// Count measures the cost of counting a stock down by one, for each way to do it and over GOMAXPROCS: from the article's
// channel to the per-CPU words of package shard. The figure is wall time per operation while all CPUs work. So a counter that
// scales gets cheaper, or at least no dearer, from left to right. If there are fewer CPUs than GOMAXPROCS, the right-hand
// columns show the effect of preemption, not of parallelism.
type Count struct {
	Rounds int `default:"5" range:"1..1000" help:"Rounds of the counters; the result is their median."`

	Time time.Duration `kong:"-"` // aimed at for each figure and round; 0: the usual one
}

// Short returns the options of a short run.
func (o Count) Short() Count { return Count{Rounds: 2, Time: 100 * time.Millisecond} }

var procsOfCount = []int{1, 2, 4, 8}

// Run measures the counters. It changes GOMAXPROCS of this process while it runs, and restores it.
func (o Count) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = measure.Check(o); err != nil {
		return d, err
	}
	testing.Init() // it does nothing the second time
	o.Time = cmp.Or(o.Time, 200*time.Millisecond)
	if err = flag.Set("test.benchtime", o.Time.String()); err != nil { // package testing has only a flag for this
		return d, fmt.Errorf("benchmark time: %w", err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	samples, err := measure.Experiment[counter]{Parts: []measure.Part{{Subjects: counters.names()}}, Rounds: o.Rounds,
		Turns: measure.Alternate, Open: counters.open, Load: loadCounter}.Run(ctx, h)
	return o.doc(report.ThisMachine(ctx), samples), err
}

// counter is a way to count down.
type counter struct {
	named
	// stock makes a stock of so many units and returns its take. All goroutines call take at once. It returns true while there are
	// units.
	stock func(units uint32) (take func() bool)
}

// counters in the order of the table: dearest first.
var counters = list[counter]{
	{"chan", channel}, {"mutex", mutex}, {"one atomic", oneAtomic}, {"one CAS word", oneWord}, {"shard.Stock", shardStock},
}

func loadCounter(_ context.Context, c counter, _ measure.Turn) (measure.Sample, error) {
	m := measure.Sample{Figures: measure.Figures{}}
	for _, procs := range procsOfCount {
		runtime.GOMAXPROCS(procs)
		r := testing.Benchmark(c.take)
		if r.N == 0 {
			return m, fmt.Errorf("counter %s failed at GOMAXPROCS %d", c, procs)
		}
		m.Figures[strconv.Itoa(procs)] = float64(r.T.Nanoseconds()) / float64(r.N)
	}
	return m, nil
}

// take takes b.N units on all CPUs.
func (c counter) take(b *testing.B) {
	take := c.stock(math.MaxInt32) // more than any benchmark takes
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !take() {
				b.Error("the stock ran out: its ns/op would be that of a loser")
				return
			}
		}
	})
}

// channel is the article's lock: a channel of size 1 that has a value while no goroutine is inside.
func channel(left uint32) func() bool {
	lock := make(chan int, 1)
	lock <- 1
	return func() bool {
		<-lock
		ok := left > 0
		if ok {
			left--
		}
		lock <- 1
		return ok
	}
}

func mutex(left uint32) func() bool {
	var mu sync.Mutex
	return func() bool {
		mu.Lock()
		ok := left > 0
		if ok {
			left--
		}
		mu.Unlock()
		return ok
	}
}

// oneAtomic is one add. It knows when nothing is left, but it has no serials within a range, and cannot be refilled.
func oneAtomic(units uint32) func() bool {
	var left atomic.Int64
	left.Store(int64(units))
	return func() bool { return left.Add(-1) >= 0 }
}

// oneWord is a range of serials, next:32 | end:32, in a word that all CPUs share.
func oneWord(units uint32) func() bool {
	var word atomic.Uint64
	word.Store(uint64(units))
	return func() bool {
		for {
			w := word.Load()
			if uint32(w>>32) >= uint32(w) {
				return false
			}
			if word.CompareAndSwap(w, w+1<<32) {
				return true
			}
		}
	}
}

// shardStock is the edge's way.
func shardStock(units uint32) func() bool {
	s := shard.New(0)
	s.Fill(shard.Range{Start: 1, End: units + 1})
	return func() bool {
		_, ok := s.Take()
		return ok
	}
}

func (o Count) doc(machine report.Machine, s measure.Samples) report.Doc {
	var columns []report.Column
	var panels []report.Panel
	for _, procs := range procsOfCount {
		name := strconv.Itoa(procs)
		columns = append(columns, ranged(name, 1, name))
		p := report.Panel{Title: "Counting down by one, GOMAXPROCS " + name, Legend: "ns per operation"}
		for i, c := range counters.names() {
			p.Bars = append(p.Bars, report.Bar{Name: c, Value: s.Of(c).Spread(name), Digits: 1, Main: i == len(counters)-1})
		}
		panels = append(panels, p)
	}
	t := report.Rows("Counting down by one: ns/operation, by GOMAXPROCS", "counter", s, s.Subjects(), columns...)
	t.Notes = []string{"medians of " + bench.Plural(o.Rounds, "round") + "; wall time with all CPUs taking from one stock"}
	return report.Doc{Name: "report", Title: "What an answer costs", Machine: machine, Options: o, Samples: s,
		Tables: []report.Table{t}, Panels: panels, Foot: "Bars: medians; whiskers: all rounds. Only ratios mean anything."}
}

// All is both of an answer's experiments in one report.
type All struct {
	Count
	Answer
}

// Short returns the options of a short run.
func (o All) Short() All { return All{o.Count.Short(), o.Answer.Short()} }

// Run measures the counters, and then the servers.
func (o All) Run(ctx context.Context, h measure.Host) (report.Doc, error) {
	counts, err := o.Count.Run(ctx, h)
	if err != nil {
		return counts, err
	}
	answers, err := o.Answer.Run(ctx, h)
	return answers.And(counts), err
}
