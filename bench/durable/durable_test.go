package durable

import (
	"errors"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/crowd"
)

// sold is a load of a second.
func sold(way string, units int64) Sample {
	return Sample{Way: way, Round: 1, Won: units, Stored: units, Scripts: units / 100,
		ServerCPU: time.Duration(units) * time.Microsecond, Load: crowd.Result{Answered: units, Elapsed: time.Second}}
}

func TestSummarise(t *testing.T) {
	always, replicas := Ways()[0].Name, Ways()[1].Name
	samples := []Sample{sold(always, 3000), sold(replicas, 4000), sold(Row, 1000),
		sold(Row, 1000), sold(replicas, 4000), sold(always, 5000)}
	samples[1].Stored -= 3 // heard of, and not stored
	samples[3].Won -= 2    // heard that there was none
	all := Summarise(samples)
	if len(all) != 3 || all[0].Way != always || all[2].Way != Row {
		t.Fatalf("%+v", all)
	}
	if a := all[0]; a.ToRow.Median != 8000./1998 || a.PerSec.Median != 4000 || a.PerScript.Median != 100 || a.PerWait.N != 0 ||
		a.Cost.Median != 1 || a.Faulty != 0 {
		t.Errorf("%+v", a)
	}
	if all[1].Faulty != 3 || all[2].Faulty != 2 || all[2].ToRow.N != 0 || all[2].StoreCost.N != 0 {
		t.Errorf("%+v", all)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	good := Options{Rounds: 1, Duration: time.Second, Connections: 1, Only: []string{Row}}
	if err := good.check(); err != nil || len(good.ways()) != 1 {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no round":      func(o *Options) { o.Rounds = 0 },
		"an instant":    func(o *Options) { o.Duration = time.Millisecond },
		"no connection": func(o *Options) { o.Connections = 0 },
		"a way":         func(o *Options) { o.Only = []string{"paper"} },
	} {
		o := good
		change(&o)
		if err := o.check(); !errors.Is(err, ErrOptions) || !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
