package realsale

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/process"
	"spike/bench/stats"
)

func TestARoundRunsForwardsAndBack(t *testing.T) {
	o := Options{Base: "other"}
	var order []string
	for _, i := range stats.ThereAndBack(len(o.legs(Phases()[0]))) {
		l := o.legs(Phases()[0])[i]
		order = append(order, l.kind.Name+" "+l.build)
	}
	want := []string{"anonymous this", "anonymous base", "limit+key this", "limit+key base"}
	back := slices.Clone(want)
	slices.Reverse(back)
	if !slices.Equal(order, append(want, back...)) {
		t.Errorf("%q", order)
	}
}

// A sale without a limit has nobody over it.
func TestOnlyLimitedSalesHaveAnybodyOverTheLimit(t *testing.T) {
	o := Options{Rounds: 2, Only: []string{OverLimit}}
	if legs := o.legs(o.phases()[0]); len(legs) != 1 || legs[0].kind.Name != Real || o.steps() != 4 {
		t.Errorf("%+v, %d steps", legs, o.steps())
	}
}

// Each request has a buyer, a key and an id of its own, and the headers that nginx.conf.tmpl passes on. Nothing else is sent.
func TestEachRequestIsAnothers(t *testing.T) {
	c := &buyers{kind: Kinds()[4]}
	seen := map[string]bool{}
	for n := range int64(5000) {
		var h fasthttp.RequestHeader
		h.SetMethod(fasthttp.MethodPost)
		c.dress(n, &h)
		for _, name := range []string{"X-Buyer-Id", "Idempotency-Key", "X-Request-ID"} {
			value := name + string(h.Peek(name))
			if len(h.Peek(name)) == 0 || seen[value] {
				t.Fatalf("request %d: %s again", n, value)
			}
			seen[value] = true
		}
		if lines := bytes.Count(h.Header(), []byte("\r\n")); lines != 1+5+1 {
			t.Fatalf("%d lines: %s", lines, h.Header())
		}
	}
}

func TestRegularsComeAgainWithFreshKeys(t *testing.T) {
	c := &buyers{kind: Kinds()[4], buyers: 10}
	var first, second fasthttp.RequestHeader
	c.dress(3, &first)
	c.dress(13, &second)
	if string(first.Peek("X-Buyer-Id")) != string(second.Peek("X-Buyer-Id")) ||
		string(first.Peek("Idempotency-Key")) == string(second.Peek("Idempotency-Key")) {
		t.Errorf("%s\n%s", first.Header(), second.Header())
	}
}

// took is a load of 1,000 buys, each of so many microseconds.
func took(kind, build string, round int, us float64, perSec int64) Sample {
	return Sample{Phase: Selling, Kind: kind, Build: build, Round: round, Right: 1000,
		Load:  crowd.Result{Answered: 1000, Elapsed: time.Duration(1000 * int64(time.Second) / perSec)},
		Costs: process.Costs{CPU: time.Duration(us * float64(time.Millisecond)), RedisCPU: time.Millisecond, Scripts: 3000}}
}

func TestSummarise(t *testing.T) {
	samples := []Sample{
		took(Anonymous, This, 1, 10, 100), took(Real, This, 1, 40, 50), took(Real, Base, 1, 80, 25),
		took(Real, Base, 1, 80, 25), took(Real, This, 1, 50, 50), took(Anonymous, This, 1, 20, 100),
		took(Anonymous, This, 2, 10, 100), // the run was cut short
	}
	samples[1].Right, samples[2].Load.Errors = 990, 2
	all := Summarise(samples)
	if len(all) != 3 || all[0].Kind != Anonymous || all[1].Build != This || all[2].Build != Base {
		t.Fatalf("%+v", all)
	}
	anonymous, mine, base := all[0], all[1], all[2]
	if anonymous.ToAnonymous.PerSec.N != 0 || base.ToBase.PerSec.N != 0 || base.ToAnonymous.PerSec.N != 0 {
		t.Errorf("ratios to themselves, or to nobody: %+v", all)
	}
	if mine.ToAnonymous.PerSec.Median != 0.5 || mine.ToAnonymous.Cost.Median != 3 || mine.ToBase.Cost.Median != 90./160 ||
		mine.ToBase.RedisCost.N != 1 {
		t.Errorf("%+v", mine)
	}
	if mine.Faulty != 10 || base.Faulty != 2 || mine.PerBuyer.Median != 3 || mine.Cost.Min != 40 {
		t.Errorf("%+v, %+v", mine, base)
	}
}

// If the system does not tell CPU time, no CPU figure is made up.
func TestWithoutCPU(t *testing.T) {
	s := took(Anonymous, This, 1, 0, 100)
	s.RedisCPU = 0
	if sum := Summarise([]Sample{s})[0]; sum.Cost.N != 0 || sum.RedisCost.N != 0 || sum.PerSec.N != 1 {
		t.Errorf("%+v", sum)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	good := Options{Rounds: 1, Duration: time.Second, Connections: 1, Hold: time.Hour}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no round":      func(o *Options) { o.Rounds = 0 },
		"an instant":    func(o *Options) { o.Duration = time.Millisecond },
		"no connection": func(o *Options) { o.Connections = 0 },
		"a short hold":  func(o *Options) { o.Hold = time.Second },
		"a phase":       func(o *Options) { o.Only = []string{"raining"} },
		"a sale":        func(o *Options) { o.Kinds = []string{"garage"} },
	} {
		o := good
		change(&o)
		if err := o.check(); !errors.Is(err, ErrOptions) || !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
