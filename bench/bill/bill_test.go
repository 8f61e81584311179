package bill

import (
	"errors"
	"strings"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/front"
	"spike/luascripts/ledger"
)

const requests, units = 1000, 10

// took is a turn without a fault. A request cost so many microseconds, half of them in nginx.
func took(design string, round int, us int64) Sample {
	d := time.Duration(us) * time.Microsecond * requests / 2
	s := Sample{Design: design, Round: round, Cost: front.Cost{Nginx: d, Servers: d}, Won: units, Sold: units,
		Load: crowd.Result{Requests: requests, Answered: requests, Elapsed: time.Second, Statuses: map[int]int64{200: requests}}}
	if design != Article {
		s.Reached, s.Audit = requests/5, &ledger.Audit{OK: true, Pending: units - 1, Confirmed: 1}
	}
	return s
}

func TestSummarise(t *testing.T) {
	samples := []Sample{took(Gate, 1, 8), took(Edges, 1, 32), took(Article, 1, 100),
		took(Article, 2, 90), took(Edges, 2, 20), took(Gate, 2, 9)}
	samples[5].Wrong = []string{"somebody was not answered"}
	sums := Summarise(samples)
	if len(sums) != 3 || sums[0].Design != Article || sums[1].Design != Edges || sums[2].Design != Gate {
		t.Fatalf("%+v", sums)
	}
	article, edges, gate := sums[0], sums[1], sums[2]
	if article.Total.Median != 95 || article.Nginx.Max != 50 || article.Reached.N != 0 ||
		edges.Total.Min != 20 || edges.Redis.Max != 0 {
		t.Errorf("%+v\n%+v", article, edges)
	}
	if gate.Total.Median != 8.5 || gate.Reached.Median != 20 || gate.Wrong != 1 || gate.PerSec.Median != requests {
		t.Errorf("%+v", gate)
	}
	if w := Wrong(samples); len(w) != 1 || w[0] != "gate: somebody was not answered" {
		t.Errorf("%q", w)
	}
}

// A ratio is taken within a round, so a machine that slows down between rounds changes no ratio.
func TestRatios(t *testing.T) {
	r := Ratios([]Sample{took(Gate, 1, 8), took(Edges, 1, 32), took(Article, 1, 100),
		took(Gate, 2, 16), took(Edges, 2, 64), took(Gate, 3, 90)})
	if len(r) != 3 || r[0].Over != Edges || r[0].Ratio.N != 2 || r[0].Ratio.Min != .25 || r[0].Ratio.Max != .25 || !r[0].Met() {
		t.Errorf("%+v", r)
	}
	if r[1].Over != Article || r[1].Ratio.N != 1 || r[1].Ratio.Median != .08 || !r[1].Met() {
		t.Errorf("%+v", r)
	}
	if r[2].Ratio.N != 0 {
		t.Errorf("nobody measured it: %+v", r[2])
	}
	if limited := Ratios([]Sample{took(Gate, 1, 100), took(Limited, 1, 110)})[2]; limited.Of != Limited || limited.Over != Gate ||
		limited.Ratio.Median != 1.1 || !limited.Met() {
		t.Errorf("%+v", limited)
	}
	if dear := Ratios([]Sample{took(Gate, 1, 17), took(Article, 1, 100)}); dear[1].Met() || dear[0].Met() {
		t.Errorf("%+v", dear)
	}
}

// If the system does not tell CPU time, no CPU figure is made up.
func TestWithoutCPU(t *testing.T) {
	samples := []Sample{took(Gate, 1, 0), took(Edges, 1, 0)}
	if sum := Summarise(samples)[0]; sum.Total.N != 0 || sum.PerSec.N != 1 {
		t.Errorf("%+v", sum)
	}
	if r := Ratios(samples); r[0].Ratio.N != 0 || r[0].Met() {
		t.Errorf("%+v", r)
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		design string
		change func(*Sample)
		want   string // empty: no fault
	}{
		"well":               {Gate, func(*Sample) {}, ""},
		"the article well":   {Article, func(*Sample) {}, ""},
		"one unanswered":     {Gate, func(s *Sample) { s.Load.Answered-- }, "answered"},
		"one 503":            {Edges, func(s *Sample) { s.Load.Statuses = map[int]int64{200: requests - 1, 503: 1} }, "503:1"},
		"one too few won":    {Edges, func(s *Sample) { s.Won-- }, "9 won"},
		"one too many sold":  {Article, func(s *Sample) { s.Sold++ }, "11 sold"},
		"nobody audited":     {Gate, func(s *Sample) { s.Audit = nil }, "audit"},
		"audit not in order": {Gate, func(s *Sample) { s.Audit.OK = false }, "audit"},
		"owners missing":     {Edges, func(s *Sample) { s.Audit.Pending-- }, "audit"},
	} {
		s := took(c.design, 1, 8)
		c.change(&s)
		s.judge(&crowd.Wins{}, units)
		if got := strings.Join(s.Wrong, "; "); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// If a serial was given twice, the crowd tells it, because the ledger may not.
func TestJudgeSeesASerialGivenTwice(t *testing.T) {
	var w crowd.Wins
	note := func(status int, body string) { w.Note(crowd.Answer{Status: status, Body: []byte(body)}) }
	for range 2 {
		note(200, `{"code":1,"msg":"yours","data":{"sale":"ticket","serial":7,"token":"t"}}`)
	}
	note(200, `{"code":-1,"msg":"sold out"}`)
	note(503, `{"code":1,"msg":"said by a 503"}`)
	if w.Count(crowd.Won) != 2 {
		t.Errorf("%d won", w.Count(crowd.Won))
	}
	s := took(Edges, 1, 8)
	s.judge(&w, units)
	if len(s.Wrong) != 1 || !strings.Contains(s.Wrong[0], "7") {
		t.Errorf("%q", s.Wrong)
	}
}

func TestTurnsGoThereAndBack(t *testing.T) {
	var order string
	for _, turn := range (Options{Rounds: 2}).turns() {
		order += turn.design[:1]
	}
	if order != "aegllgea" {
		t.Error(order)
	}
	if some := (Options{Rounds: 1, Only: []string{Gate, Edges}}).turns(); len(some) != 2 || some[0] != (turn{Edges, 1}) {
		t.Errorf("%v", some)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	good := Options{Rounds: 1, Requests: 10, Units: 10, Connections: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no round":                 func(o *Options) { o.Rounds = 0 },
		"no request":               func(o *Options) { o.Requests = 0 },
		"more units than requests": func(o *Options) { o.Units = 11 },
		"no connection":            func(o *Options) { o.Connections = 0 },
		"unknown design":           func(o *Options) { o.Only = []string{"luck"} },
	} {
		o := good
		change(&o)
		if err := o.check(); !errors.Is(err, ErrOptions) || !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The article's front keeps no connection and has the weights 1:2:3:4.
func TestArticleConf(t *testing.T) {
	b, err := articleConf(front.Topology{Listen: "127.0.0.1:8080",
		Edges: []string{"127.0.0.1:3001", "127.0.0.1:3002"}, Weights: []int{1, 2}})
	conf := string(b)
	const upstream = "upstream load_rule {\n        server 127.0.0.1:3001 weight=1;\n        server 127.0.0.1:3002 weight=2;\n    }"
	if err != nil || !strings.Contains(conf, upstream) {
		t.Errorf("%v\n%s", err, conf)
	}
	for _, never := range []string{"keepalive", "proxy_http_version", "zone"} {
		if strings.Contains(conf[strings.Index(conf, "events"):], never) {
			t.Errorf("%q in\n%s", never, conf)
		}
	}
}
