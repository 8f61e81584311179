package measure

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/bench"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{math.NaN()}, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{4, 1, 9}, Spread{4, 1, 9, 3}},
		{[]float64{4, 1, math.Inf(1), 9, 2}, Spread{3, 1, 9, 4}},
	} {
		before := slices.Clone(c.in)
		if got := Of(c.in...); got != c.want {
			t.Errorf("Of(%v) = %+v, want %+v", c.in, got, c.want)
		}
		for i := range before {
			if v := c.in[i]; v != before[i] && !math.IsNaN(v) {
				t.Errorf("%v became %v", before, c.in)
			}
		}
	}
}

// round is the samples of a round A B B A, or of as many turns as there are values.
func round(n int, values ...float64) (all Samples) {
	for i, v := range values {
		turn := Turn{Subject: []string{"a", "b", "b", "a"}[i%4], Round: n}
		all = append(all, Sample{Turn: turn, Figures: Figures{"us": v, Faulty: 1}})
	}
	return all
}

// A machine that slows down steadily, by the same amount each turn, must not favour either side.
func TestRatioCancelsLinearDrift(t *testing.T) {
	const a, b, drift = 10.0, 8.0, 0.5
	s := round(1, a, b+drift, b+2*drift, a+3*drift)
	want := (2*a + 3*drift) / (2*b + 3*drift)
	if got := Over("us", "b")(s, "a"); got.N != 1 || math.Abs(got.Median-want) > 1e-12 {
		t.Fatalf("ratio %+v, want %v", got, want)
	}
	if got := Over("us", "b")(round(1, a, a+drift, a+2*drift, a+3*drift), "a"); got.Median != 1 {
		t.Fatalf("two equal subjects compare as %+v", got)
	}
}

func TestRatioIsOfRoundsInWhichBothWereRead(t *testing.T) {
	s := slices.Concat(round(1, 10, 5, 5, 10), round(2, 30, 10, 10, 30), round(3, 10), round(4, 1, math.NaN(), 1, 1),
		round(5, 1, 0, 0, 1))
	got := Over("us", "b")(s, "a")
	if got != (Spread{Median: 2.5, Min: 2, Max: 3, N: 2}) {
		t.Errorf("%+v", got)
	}
	if self := Over("us", "a")(s, "a"); self.N != 0 {
		t.Errorf("compared with itself: %+v", self)
	}
}

func TestFigures(t *testing.T) {
	s := slices.Concat(round(1, 10, 5, 5, 20), round(2, 30))
	s[0].Wrong = []string{"late"}
	for name, c := range map[string]struct {
		got, want Spread
	}{
		"median":     {Median("us")(s, "a"), Spread{20, 10, 30, 3}},
		"sum":        {Sum("us")(s, "b"), Of(10)},
		"each":       {Each("us", Faulty)(s, "a"), Of(20)},
		"nobody":     {Median("us")(s, "c"), Spread{}},
		"no sum":     {Sum("ns")(s, "a"), Spread{}},
		"no each":    {Each("ns", "us")(s, "a"), Spread{}},
		"each of no": {Each("us", "ns")(s, "a"), Spread{}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", name, c.got, c.want)
		}
	}
	if s.Sum(Faulty) != 5 || s.Sum("ns") != 0 || !slices.Equal(s.Wrong(), []string{"a: late"}) ||
		!slices.Equal(s.Subjects(), []string{"a", "b"}) || len(s.In("elsewhere")) != 0 || !slices.Equal(s.Parts(), []string{""}) {
		t.Errorf("%v, %v, %v", s.Sum(Faulty), s.Wrong(), s.Subjects())
	}
}

// JSON has no word for what is not a number.
func TestWhatWasNotReadIsNotWritten(t *testing.T) {
	b, err := json.Marshal(Sample{Turn: Turn{Subject: "a", Round: 1}, Figures: Figures{"us": math.NaN(), "per_sec": 2}})
	if want := `{"subject":"a","round":1,"figures":{"per_sec":2}}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	if !math.IsNaN(Per(0, 5)) || !math.IsNaN(Per(5, 0)) || Per(30*time.Second, 2_000_000) != 15 || !math.IsNaN(Share(1, 0)) ||
		Share(1, 4) != 0.25 || Millis(1500*time.Microsecond) != 1.5 {
		t.Error("a figure of nothing, or a wrong one")
	}
}

func TestTurns(t *testing.T) {
	for _, c := range []struct {
		got, want []int
	}{
		{ThereAndBack(3, 1), []int{0, 1, 2, 2, 1, 0}}, {ThereAndBack(3, 2), []int{0, 1, 2, 2, 1, 0}}, {ThereAndBack(1, 1), []int{0, 0}},
		{Alternate(3, 1), []int{0, 1, 2}}, {Alternate(3, 2), []int{2, 1, 0}}, {Alternate(3, 3), []int{0, 1, 2}}, {Alternate(0, 1), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%v, not %v", c.got, c.want)
		}
	}
}

func TestTarget(t *testing.T) {
	v := Of(0.9, 1, 1.2)
	for want, say := range map[string][]string{
		"a, x b: 1.00 (0.90..1.20 of 3); target at most 1.00: met":    Target{What: "a, x b", Bound: 1, Digits: 2}.Say(v),
		"a, x b: 1.00 (0.90..1.20 of 3); target at most 0.99: missed": Target{What: "a, x b", Bound: 0.99, Digits: 2}.Say(v),
		"buys: 1.0 (0.9..1.2 of 3); target at least 9.0: missed":      Target{What: "buys", Least: true, Bound: 9, Digits: 1}.Say(v),
		"units/s: 1 (1..1 of 3); target at least 1: met":              Target{What: "units/s", Least: true, Bound: 1}.Say(v),
	} {
		if len(say) != 1 || say[0] != want {
			t.Errorf("%q, not %q", say, want)
		}
	}
	if say := (Target{What: "a"}).Say(Spread{}); say != nil {
		t.Errorf("%q of nothing", say)
	}
}

func TestOptionsAreHeldAgainstTheirTags(t *testing.T) {
	type options struct {
		Rounds   int           `range:"1..100"`
		Duration time.Duration `range:"1s..1m" step:"1s"`
		Sales    []int         `range:"1..10"`
		Free     int
		Name     string
		BasePort int `range:"0..9"`
	}
	good := options{Rounds: 100, Duration: 3 * time.Second, Sales: []int{1, 10}, Free: -1}
	if err := Check(good); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*options){
		"--rounds 0 is not within 1..100":       func(o *options) { o.Rounds = 0 },
		"--rounds 101 is not within 1..100":     func(o *options) { o.Rounds = 101 },
		"--duration 999ms is not within 1s..1m": func(o *options) { o.Duration = 999 * time.Millisecond },
		"--duration 1.5s is no multiple of 1s":  func(o *options) { o.Duration = 1500 * time.Millisecond },
		"--sales 11 is not within 1..10":        func(o *options) { o.Sales = []int{1, 11} },
		"--base-port 10 is not within 0..9":     func(o *options) { o.BasePort = 10 },
	} {
		bad := good
		spoil(&bad)
		if err := Check(bad); !errors.Is(err, bench.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}

func TestNames(t *testing.T) {
	all := []string{"a", "b", "c"}
	err := Known("letter", []string{"c", "z"}, all)
	if !errors.Is(err, bench.ErrUsage) || !strings.Contains(err.Error(), `no letter "z"`) {
		t.Errorf("%v", err)
	}
	if err = Known("letter", []string{"c", "a"}, all); err != nil {
		t.Error(err)
	}
	if got := Choose([]string{"c", "a", "z"}, all); !slices.Equal(got, []string{"a", "c"}) || !slices.Equal(Choose(nil, all), all) {
		t.Errorf("%v", got)
	}
}
