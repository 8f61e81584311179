package balance

import (
	"errors"
	"math"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/front"
)

func TestJain(t *testing.T) {
	even, weighted := []float64{.25, .25, .25, .25}, []float64{.1, .2, .3, .4}
	for _, c := range []struct {
		name            string
		counts          []int64
		wanted          []float64
		jain, deviation float64
	}{
		{"as wanted", []int64{25, 25, 25, 25}, even, 1, 0},
		{"as weighted", []int64{100, 200, 300, 400}, weighted, 1, 0},
		{"all for one", []int64{0, 0, 9, 0}, even, .25, 300},
		{"even, though weighted", []int64{250, 250, 250, 250}, weighted, 0.7622, 150},
		{"two of four", []int64{50, 50, 0, 0}, even, .5, 100},
	} {
		if got := Jain(c.counts, c.wanted); math.Abs(got-c.jain) > 1e-4 {
			t.Errorf("%s: Jain %v, want %v", c.name, got, c.jain)
		}
		if got := Deviation(c.counts, c.wanted); math.Abs(got-c.deviation) > 1e-9 {
			t.Errorf("%s: %v %% off, want %v", c.name, got, c.deviation)
		}
	}
	none := make([]int64, 4)
	if !math.IsNaN(Jain(none, even)) || !math.IsNaN(Deviation(none, even)) {
		t.Error("nobody came, and it was fair")
	}
}

func TestAddresses(t *testing.T) {
	networks, hosts := map[[3]byte]bool{}, map[[4]byte]bool{}
	for i := range maxConnections {
		a, b := manyNetworks(i), oneNetwork(i)
		if !a.IsLoopback() || !b.IsLoopback() || a.As4()[3] != 1 {
			t.Fatalf("connection %d: %v, %v", i, a, b)
		}
		networks[[3]byte(a.AsSlice()[:3])] = true
		if b4 := b.As4(); [3]byte(b4[:3]) != [3]byte{127, 0, 0} {
			t.Fatalf("connection %d is not in 127.0.0.0/24: %v", i, b)
		}
		hosts[b.As4()] = true
	}
	if len(networks) != maxConnections || len(hosts) != 253 {
		t.Errorf("%d networks, %d hosts", len(networks), len(hosts))
	}
}

func TestTurnsGoThereAndBack(t *testing.T) {
	turns := Options{Rounds: 2}.turns()
	if len(turns) != 4*len(Ways()) {
		t.Fatalf("%d turns", len(turns))
	}
	for i, there := range turns[:len(turns)/2] {
		back := turns[len(turns)-1-i]
		if there.String() != back.String() || there.round != 1 || back.round != 2 {
			t.Errorf("%v in round %d, %v in round %d", there, there.round, back, back.round)
		}
	}
	if some := (Options{Rounds: 1, Only: []string{BuyerHash}}).turns(); len(some) != 2 || some[0].way.Name != BuyerHash {
		t.Errorf("%v", some)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	good := Options{Rounds: 1, Requests: 1, Connections: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no round":      func(o *Options) { o.Rounds = 0 },
		"no request":    func(o *Options) { o.Requests = 0 },
		"no connection": func(o *Options) { o.Connections = 0 },
		"unknown way":   func(o *Options) { o.Only = []string{"by luck"} },
	} {
		o := good
		change(&o)
		if err := o.check(); !errors.Is(err, ErrOptions) || !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// took is a turn of 1,000 requests. Each cost so many microseconds, half of them in nginx.
func took(way string, kept bool, round int, us int64, counts ...int64) Sample {
	d := time.Duration(us) * time.Millisecond / 2
	return Sample{Way: way, Kept: kept, Round: round, Requests: 1000, Answered: 1000, Counts: counts,
		Cost: front.Cost{Nginx: d, Servers: d}}
}

func TestSummarise(t *testing.T) {
	sums := Summarise([]Sample{
		took(Weighted, true, 1, 40, 100, 200, 300, 400), took(Weighted, false, 1, 100, 100, 200, 300, 400),
		took(RoundRobin, true, 1, 20, 250, 250, 250, 250), took(RoundRobin, false, 1, 80, 250, 250, 250, 250),
		took(RoundRobin, true, 2, 40, 250, 250, 250, 250), took(Weighted, true, 2, 40, 100, 200, 300, 390),
	})
	if len(sums) != 2 || sums[0].Way != RoundRobin || sums[1].Way != Weighted {
		t.Fatalf("%+v", sums)
	}
	rr, w := sums[0], sums[1]
	if rr.Jain != 1 || rr.Deviation != 0 || rr.Faulty != 0 || rr.OverRR.N != 0 ||
		rr.Kept.Both.Median != 30 || rr.Kept.Nginx.Max != 20 {
		t.Errorf("%+v", rr)
	}
	if rr.Ratio.N != 1 || rr.Ratio.Median != 4 { // of round 1 only
		t.Errorf("%+v", rr.Ratio)
	}
	if w.OverRR.Min != 1 || w.OverRR.Max != 2 || w.Ratio.Median != 2.5 || w.Faulty != 10 || w.Counts[3] != 1190 {
		t.Errorf("%+v", w)
	}
}

// If the system does not tell CPU time, no CPU figure is made up.
func TestSummaryWithoutCPU(t *testing.T) {
	sum := Summarise([]Sample{took(RoundRobin, true, 1, 0, 250, 250, 250, 250),
		took(RoundRobin, false, 1, 0, 250, 250, 250, 250)})[0]
	if sum.Kept.Both.N != 0 || sum.Ratio.N != 0 || sum.Jain != 1 {
		t.Errorf("%+v", sum)
	}
}

func TestFaultyIsWhatWasNotAnsweredOrNotCounted(t *testing.T) {
	for _, c := range []struct {
		s    Sample
		want int64
	}{
		{Sample{Requests: 10, Answered: 10, Counts: []int64{5, 5}}, 0},
		{Sample{Requests: 10, Answered: 8, Counts: []int64{5, 5}}, 2},
		{Sample{Requests: 10, Answered: 10, Counts: []int64{5, 2}}, 3},
		{Sample{Requests: 10, Answered: 10, Counts: []int64{5, 9}}, 4},
	} {
		if got := c.s.faulty(); got != c.want {
			t.Errorf("%+v: %d", c.s, got)
		}
	}
}
