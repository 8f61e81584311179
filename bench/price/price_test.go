package price

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/report"
	"spike/bench/rig"
)

// text is a report as a terminal shows it.
func text(t *testing.T, d report.Doc) string {
	t.Helper()
	var b, svg strings.Builder
	if err := errors.Join(d.Text(&b), d.SVG(&svg)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"NaN", "Inf", "%!"} {
		if strings.Contains(b.String()+svg.String(), bad) {
			t.Errorf("%s in\n%s\n%s", bad, b.String(), svg.String())
		}
	}
	return b.String()
}

// has checks that a text has these words, in columns.
func has(t *testing.T, text string, words ...string) {
	t.Helper()
	plain := strings.Join(strings.Fields(text), " ")
	for _, w := range words {
		if !strings.Contains(plain, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
}

// took is a turn of a subject with these figures.
func took(part, subject string, round int, f measure.Figures) measure.Sample {
	return measure.Sample{Turn: measure.Turn{Part: part, Subject: subject, Round: round}, Figures: f}
}

// No server is started for options that make no sense.
func TestOptionsThatMakeNoSense(t *testing.T) {
	answer := Answer{Quads: 1, Duration: time.Second, Connections: 1, Threads: 1}
	for name, o := range map[string]interface {
		Run(context.Context, measure.Host) (report.Doc, error)
	}{
		"no quads":        Answer{Quads: 0, Duration: time.Second, Connections: 1, Threads: 1},
		"a broken second": Answer{Quads: 1, Duration: 1500 * time.Millisecond, Connections: 1, Threads: 1},
		"idle threads":    Answer{Quads: 1, Duration: time.Second, Connections: 1, Threads: 2},
		"no such server":  Answer{Quads: 1, Duration: time.Second, Connections: 1, Threads: 1, Only: []string{"nginx"}},
		"no round":        Count{},
		"both":            All{Count{Rounds: 0}, answer},
		"no such way":     Share{Rounds: 1, Requests: 1, Connections: 1, Only: []string{"by luck"}},
		"no request":      Share{Rounds: 1, Connections: 1},
		"half a second":   Flag{Quads: 1, Duration: 500 * time.Millisecond, Connections: 1, Sales: []int{1}},
		"no sale":         Flag{Quads: 1, Duration: time.Second, Connections: 1, Sales: []int{1, 0}},
		"too many units":  Bill{Rounds: 1, Requests: 10, Units: 11, Connections: 1},
		"no such design":  Bill{Rounds: 1, Requests: 10, Units: 10, Connections: 1, Only: []string{"luck"}},
		"a short hold":    Real{Rounds: 1, Duration: time.Second, Connections: 1, Hold: time.Second},
		"no such phase":   Real{Rounds: 1, Duration: time.Second, Connections: 1, Hold: time.Hour, Only: []string{"raining"}},
		"no such sale":    Real{Rounds: 1, Duration: time.Second, Connections: 1, Hold: time.Hour, Sales: []string{"garage"}},
		"an instant":      Durable{Rounds: 1, Duration: time.Millisecond, Connections: 1},
		"no such store":   Durable{Rounds: 1, Duration: time.Second, Connections: 1, Only: []string{"paper"}},
	} {
		if _, err := o.Run(t.Context(), measure.Host{Program: "/bin/false"}); !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARoundOfAnswers(t *testing.T) {
	for _, c := range []struct {
		only  string
		round int
		want  string
	}{
		{"", 1, "edge bare bare edge onescript article"},
		{"", 2, "edge bare bare edge article onescript"},
		{"", 3, "edge bare onescript article"}, // ab's
		{"edge bare", 2, "edge bare bare edge"},
		{"bare onescript article", 1, "bare bare onescript article"},
		{edge, 1, strings.Repeat(edge+" ", 2)},
		{"article", 1, "article"},
		{"article onescript", 2, "article onescript"},
	} {
		o := Answer{Quads: 2, Duration: time.Second, Connections: 1, Threads: 1, Only: strings.Fields(c.only)}
		parts, err := o.parts()
		if err != nil || len(parts) != 2 {
			t.Fatalf("%v, %v", parts, err)
		}
		var got []string
		for _, i := range o.turns(len(parts[0].Subjects), c.round) {
			got = append(got, parts[0].Subjects[i])
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s, round %d: %v", c.only, c.round, got)
		}
	}
	o := Answer{Quads: 1, Duration: time.Second, Connections: 1, Threads: 1, Only: []string{"soldout", "bare", "edge"}}
	if parts, err := o.parts(); err != nil || len(parts) != 1 || parts[0].Name != "soldout" || len(parts[0].Subjects) != 2 {
		t.Errorf("%v, %v", parts, err)
	}
}

func TestAnswerReport(t *testing.T) {
	var s measure.Samples
	for _, part := range []string{"soldout", "selling"} {
		for i, us := range []float64{10, 10, 10, 11, 30} {
			f := measure.Figures{"cpu_us": us, "per_sec": 9000, "requests": 1000, measure.Faulty: 0}
			name := []string{edge, peers.Bare, peers.Bare, edge, peers.Article}[i]
			if name != peers.Bare {
				f["scripts"], f["sold"], f["redis_us"] = 4, 800, 5
			}
			s = append(s, took(part, name, 1, f))
		}
		s = append(s, took(part, edge, 2, measure.Figures{"ab_us": 13, "ab_per_sec": 7000, measure.Faulty: 2}))
	}
	o := Answer{Quads: 1, Duration: 2 * time.Second, Connections: 64, Threads: 1, AbRequests: 500, Header: []string{"X-A: b"}}
	d := o.doc(report.Machine{}, s)
	has(t, text(t, d), "edge 10.50 10.00..11.00 1.050 1.050..1.050 9000", "article 30.00 30.00..30.00 3.000 3.000..3.000",
		"edge, x bare: 1.050 (1.050..1.050 of 1); target at most 1.080: met", "scripts/request", "scripts/unit",
		"bare 10.00 10.00..10.00 - - 9000", "edge 5.00 8 0.004 13.00 7000", "edge 5.00 8 0.005 13.00 7000", "bare - - - - -",
		"edge, scripts/request: 0.004000 (0.004000..0.004000 of 1); target at most 0.000200: missed",
		"medians of 1 quad by wrk -t1 -c64 -d2s; servers with default GOMAXPROCS; edge's sale with no hold", "each request with X-A: b")
	if len(d.Panels) != 2 || len(d.Panels[0].Bars) != 3 || d.Panels[1].Bars[0].Target != 12 || d.Panels[0].Scale != 30 || d.Failed {
		t.Errorf("%+v", d.Panels)
	}
	for i := range s { // a system that does not tell CPU time
		s[i].Figures["cpu_us"] = math.NaN()
	}
	if d = o.doc(report.Machine{}, s); len(d.Panels[0].Bars) != 0 || strings.Contains(text(t, d), "x bare: ") {
		t.Errorf("CPU figures were made up:\n%s", text(t, d))
	}
}

func TestShares(t *testing.T) {
	even, weighted := []float64{.25, .25, .25, .25}, sharesOf(wayOf("weighted").weights)
	for _, c := range []struct {
		name            string
		counts          []float64
		wanted          []float64
		jain, deviation float64
	}{
		{"as wanted", []float64{25, 25, 25, 25}, even, 1, 0},
		{"as weighted", []float64{100, 200, 300, 400}, weighted, 1, 0},
		{"all for one", []float64{0, 0, 9, 0}, even, .25, 300},
		{"even, though weighted", []float64{250, 250, 250, 250}, weighted, 0.7622, 150},
		{"two of four", []float64{50, 50, 0, 0}, even, .5, 100},
	} {
		if got := jain(c.counts, c.wanted); math.Abs(got-c.jain) > 1e-4 {
			t.Errorf("%s: Jain %v, want %v", c.name, got, c.jain)
		}
		if got := deviation(c.counts, c.wanted); math.Abs(got-c.deviation) > 1e-9 {
			t.Errorf("%s: %v %% off, want %v", c.name, got, c.deviation)
		}
	}
	if none := make([]float64, 4); !math.IsNaN(jain(none, even)) || !math.IsNaN(deviation(none, even)) {
		t.Error("nobody came, and it was fair")
	}
}

func TestAddresses(t *testing.T) {
	networks, hosts := map[[3]byte]bool{}, map[[4]byte]bool{}
	const connections = 8192
	for i := range connections {
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
	if len(networks) != connections || len(hosts) != 253 {
		t.Errorf("%d networks, %d hosts", len(networks), len(hosts))
	}
}

// shared is a turn of 1,000 requests. Each cost so many microseconds, half of them in nginx.
func shared(o Share, subject string, round int, us int64, counts ...int64) measure.Sample {
	d := time.Duration(us) * time.Duration(o.Requests) * time.Microsecond / 2
	m := o.sample(crowd.Result{Statuses: map[int]int64{200: 1000}}, shares{Counts: make([]int64, 4)},
		shares{Counts: counts, Cost: rig.Costs{Nginx: d, Servers: d}})
	m.Turn = measure.Turn{Subject: subject, Round: round}
	return m
}

func TestShareReport(t *testing.T) {
	o := Share{Rounds: 2, Requests: 1000, Connections: 64, Only: []string{roundRobin, "weighted"}}
	s := measure.Samples{
		shared(o, roundRobin, 1, 20, 250, 250, 250, 250), shared(o, roundRobin+loose, 1, 80, 250, 250, 250, 250),
		shared(o, "weighted", 1, 40, 100, 200, 300, 400), shared(o, "weighted"+loose, 1, 100, 100, 200, 300, 400),
		shared(o, "weighted", 2, 40, 100, 200, 300, 390), shared(o, roundRobin, 2, 40, 250, 250, 250, 250),
	}
	d := o.doc(report.Machine{}, s)
	has(t, text(t, d), "round robin 25 % 25 % 25 % 25 % 750 750 750 750 1.0000 0.00 % 0",
		"weighted 10 % 20 % 30 % 40 % 300 600 900 1190", "round robin 15.00 15.00 30.00 20.00..40.00 - - 80.00 80.00..80.00 4.000",
		"weighted 20.00 20.00 40.00 40.00..40.00 1.500 1.000..2.000 100.00 100.00..100.00 2.500",
		"medians of 2 rounds of 1000 requests")
	if len(d.Panels) != 3 || len(d.Panels[2].Bars) != 4 || !d.Failed {
		t.Errorf("%+v", d.Panels)
	}
	for counts, want := range map[[4]int64]float64{{250, 250, 250, 250}: 0, {250, 250, 250, 247}: 3, {250, 250, 250, 259}: 9} {
		if m := shared(o, roundRobin, 1, 1, counts[:]...); m.Figures[measure.Faulty] != want {
			t.Errorf("%v: %v faulty", counts, m.Figures[measure.Faulty])
		}
	}
}

func TestFlagReport(t *testing.T) {
	var s measure.Samples
	for _, sales := range []string{"1", "10000"} {
		for i, us := range []float64{13, 10, 10, 13} {
			s = append(s, took(sales, []string{byFlag, byReturn}[(i+1)/2%2], 1,
				measure.Figures{"cpu_us": us, "per_sec": 90_000, "p99_ms": 2, measure.Faulty: 1}))
		}
	}
	d := Flag{Quads: 1, Duration: 2 * time.Second, Connections: 64}.doc(report.Machine{}, s)
	has(t, text(t, d), "10000 13.00 13.00..13.00 10.00 10.00..10.00 1.300 1.300..1.300 90000 2.00 4",
		"10000 flagged, x return 200: 1.300 (1.300..1.300 of 1); target at most 1.250: missed")
	if !d.Failed {
		t.Error("faults are no failure")
	}
}

func TestRealReport(t *testing.T) {
	var s measure.Samples
	for i, subject := range []string{"anonymous, this", "limit+key, this", "limit+key, base", "limit+key, base", "limit+key, this",
		"anonymous, this"} {
		us := []float64{10, 40, 80, 80, 50, 20}[i]
		s = append(s, took("selling", subject, 1, measure.Figures{"per_sec": 1e4 / us, "edge_us": us, "scripts": 2, measure.Faulty: 0}))
	}
	o := Real{Rounds: 1, Duration: time.Second, Connections: 64, Hold: time.Minute, Base: "/bin/echo"}
	d := o.doc(t.Context(), s)
	has(t, text(t, d), "limit+key, this 225 200..250 45.0 40.0..50.0 - -",
		"Selling: every buyer wins (beside anonymous, within a round)",
		"limit+key, this 0.300 0.300..0.300 3.000 3.000..3.000", "(beside base, within a round)", "limit+key, this 1.800",
		"0.562 0.562..0.562", "base is version", "edge us/buy: 45.0 (40.0..50.0 of 2); target at most 40.0: missed",
		"buys/s, x anonymous: 0.300 (0.300..0.300 of 1); target at least 0.600: missed")
	if said := text(t, d); strings.Contains(said, "Sold out") || strings.Contains(said, "Redis us/buy: ") || d.Failed {
		t.Errorf("what was not measured is in\n%s", said)
	}
}

func TestDurableReport(t *testing.T) {
	var s measure.Samples
	for i, way := range []string{"1 replica", row, row, "1 replica"} {
		f := measure.Figures{"per_sec": 40_000, "p999_ms": 30, "server_us": 12, "units_per_wait": 200, measure.Faulty: 0}
		if i == 1 {
			f["per_sec"], f[measure.Faulty] = 10_000, 3
		}
		s = append(s, took("", way, 1, f))
	}
	d := Durable{Rounds: 1, Duration: time.Second, Connections: 64}.doc(report.Machine{}, s)
	has(t, text(t, d), "1 replica 40000 40000..40000 1.60 1.60..1.60", "PostgreSQL, grouped 25000 10000..40000 - -",
		"1 replica, units/s: 40000 (40000..40000 of 2); target at least 31000: met",
		"1 replica, p99.9 ms: 30.00 (30.00..30.00 of 2); target at most 20.00: missed",
		"medians of 1 round, two loads of 1s each, 64 connections")
	if strings.Contains(text(t, d), "appendfsync") || !d.Failed {
		t.Errorf("what was not measured is in\n%s", text(t, d))
	}
}
