package gatecost

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/nginx"
)

// took is a load of 1,000 requests of so many microseconds each.
func took(sales int, server string, round int, us float64) Sample {
	return Sample{Sales: sales, Server: server, Round: round, CPU: time.Duration(us * float64(time.Millisecond)),
		Measurement: crowd.Measurement{Requests: 1000}}
}

// quadOf is a round: flag, return, return, flag.
func quadOf(sales, round int, us ...float64) (all []Sample) {
	for i, name := range quad() {
		all = append(all, took(sales, name, round, us[i]))
	}
	return all
}

func TestSummarise(t *testing.T) {
	samples := slices.Concat(quadOf(1, 1, 8, 8, 8, 8), quadOf(1, 2, 8, 6, 8, 10),
		quadOf(100, 1, 13, 10, 10, 13), quadOf(100, 2, 13, 10, 10, 13)[:3])
	samples[0].Non2xx = 3
	sums := Summarise(samples)
	if len(sums) != 2 || sums[0].Sales != 1 || sums[1].Sales != 100 {
		t.Fatalf("%+v", sums)
	}
	one, many := sums[0], sums[1]
	if one.Faulty != 3 || one.Flag.Median != 8 || one.Flag.Max != 10 || one.Return.Min != 6 ||
		one.Ratio.N != 2 || one.Ratio.Min != 1 ||
		one.Ratio.Max != 18./14 || !one.Met() {
		t.Errorf("%+v", one)
	}
	if many.Ratio.N != 1 || many.Ratio.Median != 1.3 || many.Met() || many.Faulty != 0 { // the second quad was cut short
		t.Errorf("%+v", many)
	}
}

// If the system does not tell CPU time, no CPU figure is made up.
func TestWithoutCPU(t *testing.T) {
	if sum := Summarise(quadOf(1, 1, 0, 0, 0, 0))[0]; sum.Flag.N != 0 || sum.Ratio.N != 0 || sum.Met() {
		t.Errorf("%+v", sum)
	}
}

// There is a flag for every slot of a load, and none for a past slot.
func TestFlagsOfASlotAndTheNext(t *testing.T) {
	dir := t.TempDir()
	f := newFlags(dir, 3)
	now := time.Unix(1_000_008, 0)
	for _, at := range []time.Time{now, now.Add(time.Second), now.Add(30 * time.Second)} {
		if err := f.keep(at, 3*time.Second); err != nil {
			t.Fatal(err)
		}
		want := 0
		for slot := nginx.Slot(at); slot <= nginx.Slot(at.Add(3*time.Second)); slot++ {
			for _, sale := range f.sales {
				if _, err := os.Stat(dir + "/" + nginx.FlagName(sale, nginx.SoldOut, slot)); err != nil {
					t.Error(err)
				}
				want++
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("%d flags, want %d; %v", len(entries), want, err)
		}
	}
	if len(f.sales) != 3 || f.sales[2] != "sale-00002" || !strings.Contains(manySales, "sale-%%05d") {
		t.Errorf("%v: wrk asks for others", f.sales)
	}
}

func TestRivalSaysWhatItHeard(t *testing.T) {
	conf, err := rivalConf("127.0.0.1:8080",
		heard{http.Header{"Content-Type": {"application/json"}}, `{"code":-1,"msg":"已售罄"}`})
	if err != nil || !strings.Contains(string(conf), `return 200 '{"code":-1,"msg":"已售罄"}';`) ||
		!strings.Contains(string(conf), "default_type 'application/json';") {
		t.Errorf("%v\n%s", err, conf)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	good := Options{Quads: 1, Duration: time.Second, Connections: 1, Sales: []int{1}}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no quad":         func(o *Options) { o.Quads = 0 },
		"half a second":   func(o *Options) { o.Duration = 500 * time.Millisecond },
		"no connection":   func(o *Options) { o.Connections = 0 },
		"no numbers":      func(o *Options) { o.Sales = nil },
		"no sale":         func(o *Options) { o.Sales = []int{1, 0} },
		"a million sales": func(o *Options) { o.Sales = []int{1_000_000} },
	} {
		o := good
		change(&o)
		if err := o.check(); !errors.Is(err, ErrOptions) || !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
