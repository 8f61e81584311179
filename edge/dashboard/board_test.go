package dashboard

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

var (
	began = time.UnixMilli(1_800_000_000_000)
	plain = &Config{Kind: "redis", Bounds: ledger.DefaultBounds()}
)

// beatAt is an edge's beat, so many seconds after began.
func beatAt(instance string, seconds float64, sales ...ledger.SaleBeat) ledger.Beat {
	at := began.Add(time.Duration(seconds * float64(time.Second)))
	return ledger.Beat{Kind: ledger.EdgeKind, Instance: instance, Node: "node-" + instance, At: at.UnixMicro(), Ready: true,
		Sales: sales}
}

func sold(sale string, won, none uint64) ledger.SaleBeat {
	return ledger.SaleBeat{Sale: sale, Buys: map[string]uint64{"won": won, "none_now": none}}
}

// knownBoard is a board with the sale a.
func knownBoard(h ledger.Head) *board {
	b := newBoard(began)
	b.sale("a")
	b.answered(answer{question: question{sale: "a"}, now: "1", shown: ledger.ShowReply{Head: h}, asked: began})
	return b
}

func after(seconds float64) time.Time {
	return began.Add(time.Duration(seconds * float64(time.Second)))
}

// Rates are differences of counters by the process' own clock. A new process adds to the counts, and to no rate.
func TestRates(t *testing.T) {
	b := knownBoard(ledger.Head{Total: 1000, Free: 400, Leased: 100, Pending: 500})
	b.took([]ledger.Beat{beatAt("1", 0, sold("a", 100, 50))}, after(0))
	if s := b.look(plain, after(0)).Sales[0]; s.Won != nil || s.Answered != nil || s.Buys["won"] != 100 {
		t.Errorf("after one beat: %+v", s)
	}
	b.took([]ledger.Beat{beatAt("1", 2, sold("a", 300, 150)), beatAt("2", 2, sold("a", 7000, 0))}, after(2))
	s := b.look(plain, after(2)).Sales[0]
	if *s.Won != 100 || *s.Answered != 150 || s.Buys["won"] != 7300 {
		t.Errorf("%v %v %v", *s.Won, *s.Answered, s.Buys)
	}
	b.took([]ledger.Beat{beatAt("1", 3, sold("a", 310, 150), sold("b", 5, 0)), beatAt("2", 3, sold("a", 7010, 0))}, after(3))
	l := b.look(plain, after(3))
	if s = l.Sales[0]; *s.Won != 20 || *l.Processes[0].Won != 15 || *l.Processes[1].Won != 10 {
		t.Errorf("%v %+v", *s.Won, l.Processes)
	}
	b.took([]ledger.Beat{beatAt("1", 3, sold("a", 310, 150)), beatAt("2", 7, sold("a", 7050, 0))}, after(7)) // 1 is silent
	if l = b.look(plain, after(7)); *l.Sales[0].Won != 10 || l.Processes[0].Won != nil && !l.Processes[0].Gone {
		t.Errorf("%v %+v", *l.Sales[0].Won, l.Processes)
	}
}

// A sale that a beat left out as not busy has counters that nobody saw grow: the next beat's are no rate.
func TestRatesOfSalesThatWereLeftOut(t *testing.T) {
	first := beatAt("1", 0)
	for more, want := range map[uint64]float64{0: 500, 1: 0} {
		b := knownBoard(ledger.Head{})
		first.MoreSales = more
		b.took([]ledger.Beat{first}, after(0))
		b.took([]ledger.Beat{beatAt("1", 1, sold("a", 500, 0))}, after(1))
		if got := *b.look(plain, after(1)).Sales[0].Won; got != want {
			t.Errorf("%d were left out: %v, want %v", more, got, want)
		}
	}
}

// What nginx answered is what it was asked less what edges answered. A counter that began anew tells nothing.
func TestShareInFront(t *testing.T) {
	b := knownBoard(ledger.Head{})
	gate := func(seconds float64, requests uint64) ledger.Beat {
		g := beatAt("g", seconds)
		g.Kind, g.Front = ledger.GateKind, &ledger.FrontBeat{Seen: true, Requests: requests}
		return g
	}
	b.took([]ledger.Beat{beatAt("1", 0, sold("a", 0, 0)), gate(0, 1000)}, after(0))
	b.took([]ledger.Beat{beatAt("1", 1, sold("a", 50, 50)), gate(1, 2000)}, after(1))
	l := b.look(plain, after(1))
	if f := l.Processes[1].Front; *f.Requests != 1000 || *f.Share != 0.9 {
		t.Errorf("%v %v", *f.Requests, *f.Share)
	}
	text, _ := json.Marshal(l)
	for _, field := range []string{`"requests":2000`, `"requests_per_s":1000`, `"in_front_share":0.9`, `"listening":false`} {
		if !strings.Contains(string(text), field) {
			t.Errorf("%s is not in %s", field, text)
		}
	}
	b.took([]ledger.Beat{beatAt("1", 2, sold("a", 60, 50)), gate(2, 10)}, after(2))
	if f := b.look(plain, after(2)).Processes[1].Front; f.Requests != nil || f.Share != nil {
		t.Errorf("%+v", f)
	}
}

// holders of 10 units: 6 in a lease that ends in 4 s, 4 in limbo since 2 s.
func tenHeld(b *board, instance string) {
	const now = 1_000_000_000
	b.holds("a", ledger.Holders{Head: ledger.Head{Now: now, Hold: 30_000_000}, Instances: []ledger.Holder{
		{Instance: instance + ".1", Node: "node-" + instance, Seen: now - 9_000_000, Leases: []ledger.HolderLease{
			{Fence: 1, Units: 6, Deadline: now + 4_000_000}, {Fence: 2, Units: 4, Deadline: now - 2_000_000, Limbo: true}}}}}, began)
}

// An edge that dies is grey two seconds after its last beat, and stays as long as it holds units.
func TestDeadEdgeStaysWhileItHolds(t *testing.T) {
	b := knownBoard(ledger.Head{Total: 10, Leased: 6, Limbo: 4})
	b.took([]ledger.Beat{beatAt("1", 0, sold("a", 5, 0))}, began)
	tenHeld(b, "1")
	p := b.look(plain, began).Processes
	if len(p) != 1 || p[0].Gone || !p[0].Ready || len(p[0].Leases) != 1 {
		t.Fatalf("%+v", p)
	}
	if l := p[0].Leases[0]; l.Units != 6 || l.Limbo != 4 || l.Deadline != 4000 || *l.LimboEnds != 29_000 || *p[0].Silent != 0 {
		t.Errorf("%+v %d %d", l, *l.LimboEnds, *p[0].Silent)
	}
	old := beatAt("1", 0, sold("a", 5, 0))
	old.Age = 2_500_000
	b.took([]ledger.Beat{old}, after(2.5))
	if p = b.look(plain, after(2.5)).Processes; !p[0].Gone || p[0].Ready || *p[0].Age != 2500 || p[0].Leases[0].Deadline != 1500 ||
		*p[0].Silent != 2500 || p[0].Stock != nil {
		t.Errorf("%+v", p)
	}
	b.took(nil, after(6))
	if p = b.look(plain, after(6)).Processes; len(p) != 1 || !p[0].Gone || p[0].Node != "node-1" {
		t.Errorf("%+v", p)
	}
	b.holds("a", ledger.Holders{}, after(7))
	b.took(nil, after(8))
	if p = b.look(plain, after(8)).Processes; len(p) != 0 {
		t.Errorf("it holds nothing: %+v", p)
	}
}

// While the beats cannot be read, nobody is called dead for want of them.
func TestNobodyIsGoneWhileBeatsCannotBeRead(t *testing.T) {
	b := knownBoard(ledger.Head{})
	b.took([]ledger.Beat{beatAt("1", 0)}, began)
	b.pinged(ledger.ErrDown, time.Second, after(10))
	l := b.look(plain, after(10))
	if p := l.Processes[0]; p.Gone || *p.Age != 10_000 || l.Store.OK {
		t.Errorf("%+v %+v", p, l.Store)
	}
}

// An instance that never beat, as an older version's edge, is on the page while it holds units.
func TestHolderWithoutBeats(t *testing.T) {
	b := knownBoard(ledger.Head{})
	tenHeld(b, "9")
	p := b.look(plain, began).Processes
	if len(p) != 1 || p[0].Instance != "9" || p[0].Age != nil || p[0].Stock != nil || p[0].Gone {
		t.Errorf("%+v", p) // the ledger heard of it a second ago
	}
	if p = b.look(plain, after(5)).Processes; !p[0].Gone {
		t.Errorf("%+v", p)
	}
}

// A figure that is not known is null.
func TestUnknownIsNull(t *testing.T) {
	b := newBoard(began)
	b.sale("odd")
	b.answered(answer{question: question{sale: "odd"}, err: &ledger.Refusal{Code: "BADSALE", Why: "its hash makes no sense"}})
	b.sale("new") // nobody knows whether it is there
	text, err := json.Marshal(b.look(plain, began))
	for _, want := range []string{`"sale":"odd"`, `"total":null,"free":null`, `"age_ms":null`, `"trouble":"its hash makes no sense"`,
		`"won_per_s":null`, `"round_trip_us":null`, `"ok":false`} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%v: %s is not in %s", err, want, text)
		}
	}
	if strings.Contains(string(text), `"sale":"new"`) {
		t.Error("a sale is shown of which nothing is known")
	}
}

// Recoveries, missing replicas and times are told in the look's own words.
func TestSaleInTrouble(t *testing.T) {
	h := ledger.Head{Raw: 1e15, Now: 5e9, Total: 5, Free: 5, State: ledger.Unopened, Opens: 2e15, Reopens: 9e9,
		Replicas: 2, Era: 255}
	b := knownBoard(h)
	s := b.look(plain, after(1)).Sales[0]
	if s.State != "not_open" || *s.Opens != 2e12 || s.Closes != nil || *s.Recovering != 3_999_000 || s.Trouble == "" {
		t.Errorf("%+v", s)
	}
	miss := ledger.ShowReply{Head: h, Trouble: "MISSING 1 of 2 replicas"}
	b.answered(answer{question: question{sale: "a"}, shown: miss, asked: after(2)})
	l := b.look(plain, after(2))
	if l.Store.Replicas != 1 || l.Store.Wanted != 2 || l.Store.Era != "ff" || !l.Sales[0].ReplicasMissing {
		t.Errorf("%+v", l)
	}
}

// The series has one point a second, at most ten minutes of them, and each point's places add up.
func TestSeries(t *testing.T) {
	b := knownBoard(ledger.Head{Total: 10, Free: 10})
	for i := range uint64(pointsMost + 50) {
		now := after(float64(i))
		h := ledger.Head{Total: 10, Free: 10 - i%10, Pending: i % 10}
		b.answered(answer{question: question{sale: "a"}, now: "1", shown: ledger.ShowReply{Head: h}, asked: now})
		b.took([]ledger.Beat{beatAt("1", float64(i), sold("a", i, 0))}, now)
		b.tick(now, nil)
		b.tick(now.Add(400*time.Millisecond), nil)
	}
	s := b.sales["a"]
	l := s.series.look()
	if len(l.T) != pointsMost || len(l.Free) != pointsMost || len(l.Outcomes["won"]) != pointsMost || len(l.Outcomes) != 1 ||
		len(s.spark) != sparkMost {
		t.Fatalf("%d %d %v %d", len(l.T), len(l.Free), l.Outcomes, len(s.spark))
	}
	for i := range l.T {
		if l.Free[i]+l.Pending[i] != 10 || i > 0 && l.T[i] != l.T[i-1]+1 || l.Outcomes["won"][i] != 1 || !math.IsNaN(l.Won.P50[i]) {
			t.Fatalf("point %d: %+v", i, s.series.points[i])
		}
	}
	if text := string(s.series.json()); !strings.Contains(text, `"p50":[null,null`) || strings.Contains(text, "NaN") {
		t.Error(text[:200])
	}
}

func TestPercentiles(t *testing.T) {
	bounds := []float64{1, 2, 4, 8}
	for _, c := range []struct {
		counts []uint64
		want   [3]float64
	}{
		{[]uint64{1000, 0, 0, 0}, [3]float64{1, 1, 1}}, {[]uint64{985, 10, 4, 1}, [3]float64{1, 2, 4}},
		{[]uint64{0, 0, 0, 1}, [3]float64{8, 8, 8}},
	} {
		if got := percentiles(c.counts, bounds); got != c.want {
			t.Errorf("%v: %v, want %v", c.counts, got, c.want)
		}
	}
	for _, counts := range [][]uint64{nil, {0, 0}, {1, 1, 1, 1, 1}} {
		if got := percentiles(counts, bounds); !math.IsNaN(got[0]) {
			t.Errorf("%v: %v", counts, got)
		}
	}
}

// Latency is what was counted between two beats, of all edges together.
func TestLatencyOfEdges(t *testing.T) {
	b := knownBoard(ledger.Head{})
	lane := func(won, rest []uint64) ledger.SaleBeat {
		return ledger.SaleBeat{Sale: "a", Buys: map[string]uint64{"won": won[0]}, Won: won, Rest: rest}
	}
	b.took([]ledger.Beat{beatAt("1", 0, lane([]uint64{900, 0}, []uint64{1, 0})),
		beatAt("2", 0, lane([]uint64{5, 5}, nil))}, after(0))
	b.took([]ledger.Beat{beatAt("1", 1, lane([]uint64{910, 0}, []uint64{1, 5})),
		beatAt("2", 1, lane([]uint64{5, 6}, nil))}, after(1))
	if p := b.point(b.sales["a"], []float64{1, 2}); p.won != [3]float64{1, 2, 2} || p.rest != [3]float64{2, 2, 2} {
		t.Errorf("%+v", p)
	}
}

// The estimate is what is left by the rate of the last seconds; without a rate there is none.
func TestSoldOutIn(t *testing.T) {
	for _, c := range []struct {
		spark numbers
		want  int64
	}{{numbers{900, 100, 100, 100, 100, 100}, 5000}, {numbers{unknown, 50}, 10_000}, {numbers{0, 0}, 0},
		{numbers{unknown}, 0}, {nil, 0}} {
		if got := soldOut(500, c.spark); (got == nil) != (c.want == 0) || got != nil && *got != c.want {
			t.Errorf("%v: %v, want %d", c.spark, got, c.want)
		}
	}
}

// More sales than a look has: those with news come first.
func TestManySales(t *testing.T) {
	b := newBoard(began)
	for i := range salesMost + 100 {
		b.sale("s" + string(rune('a'+i%26)) + strings.Repeat("x", i/26))
	}
	last := "zzz"
	b.sale(last)
	if all := b.shownSales(); len(all) != salesMost || all[len(all)-1].name == last {
		t.Errorf("%d, last %s", len(all), all[len(all)-1].name)
	}
	b.news(last, began)
	if all := b.shownSales(); len(all) != salesMost || all[len(all)-1].name != last {
		t.Errorf("%d, last %s", len(all), all[len(all)-1].name)
	}
}

// What a look of 500 sales, 16 edges and a series costs this process.
func BenchmarkLook(b *testing.B) {
	board := newBoard(began)
	shown := ledger.ShowReply{Head: ledger.Head{Total: 10, Free: 10}}
	for i := range salesMost {
		name := "sale-" + strings.Repeat("x", i%20) + string(rune('a'+i%26)) + string(rune('a'+i/26))
		board.sale(name)
		board.answered(answer{question: question{sale: name}, shown: shown, asked: began})
	}
	first := board.shownSales()[0].name
	board.news(first, began)
	for second := range 2 * sparkMost {
		for e := range 16 {
			board.took([]ledger.Beat{beatAt(string(rune('a'+e)), float64(second), sold(first, uint64(second), 0))}, after(float64(second)))
		}
		board.tick(after(float64(second)), nil)
	}
	for b.Loop() {
		text, _ := json.Marshal(board.look(plain, began))
		detail, _ := json.Marshal(board.detail(first, plain.Bounds, began))
		b.ReportMetric(float64(len(text)), "bytes")
		b.ReportMetric(float64(len(detail)), "bytes-detail")
	}
}
