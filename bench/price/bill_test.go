package price

import (
	"strings"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/luascripts/ledger"
)

const requests, units = 1000, 10

// paid is a turn without a fault. A request cost so many microseconds, half of them in nginx.
func paid(name string, us int64) *billed {
	d := time.Duration(us) * time.Microsecond * requests / 2
	b := &billed{d: designs.of(name), units: units, Cost: rig.Costs{Nginx: d, Servers: d}, Won: units, Sold: units,
		Load: crowd.Result{Requests: requests, Answered: requests, Elapsed: time.Second, Statuses: map[int]int64{200: requests}}}
	if name != peers.Article {
		b.Reached, b.Audit = requests/5, &ledger.Audit{OK: true, Pending: units - 1, Confirmed: 1}
	}
	return b
}

func TestBillReport(t *testing.T) {
	var s measure.Samples
	for i, turn := range []*billed{paid(peers.Article, 100), paid("edges", 30), paid("gate", 9), paid("limited", 10),
		paid("limited", 10), paid("gate", 18), paid("edges", 60), paid(peers.Article, 200)} {
		if i == 5 {
			turn.Won--
		}
		m := turn.sample()
		m.Turn = measure.Turn{Subject: turn.d.String(), Round: 1 + i/4}
		s = append(s, m)
	}
	d := Bill{Rounds: 2, Requests: 1_000_000, Units: 10_000, Connections: 256}.doc(report.Machine{}, s)
	has(t, text(t, d), "article 150.00 100.00..200.00 75.00 75.00 - - - 1000", "gate 13.50 9.00..18.00 6.75 6.75 - - 20.00 % 1000",
		"gate, x edges: 0.300 (0.300..0.300 of 2); target at most 0.400: met",
		"gate, x article: 0.090 (0.090..0.090 of 2); target at most 0.167: met",
		"limited, x gate: 0.833 (0.556..1.111 of 2); target at most 1.150: met",
		"WRONG: gate: 10 units: 9 won by the answers, 10 sold by the hash", "1000000 requests for 10000 units")
	if !d.Failed || len(d.Panels[0].Bars) != 4 || d.Panels[0].Bars[2].Target != 0.4*45 || d.Panels[0].Bars[0].Target != 0 {
		t.Errorf("%+v", d.Panels)
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		design string
		change func(*billed)
		want   string // empty: no fault
	}{
		"well":               {"gate", func(*billed) {}, ""},
		"the article well":   {peers.Article, func(*billed) {}, ""},
		"one unanswered":     {"gate", func(b *billed) { b.Load.Answered-- }, "answered"},
		"one 503":            {"edges", func(b *billed) { b.Load.Statuses = map[int]int64{200: requests - 1, 503: 1} }, "503:1"},
		"one too few won":    {"edges", func(b *billed) { b.Won-- }, "9 won"},
		"one too many sold":  {peers.Article, func(b *billed) { b.Sold++ }, "11 sold"},
		"nobody audited":     {"gate", func(b *billed) { b.Audit = nil }, "audit"},
		"audit not in order": {"gate", func(b *billed) { b.Audit.OK = false }, "audit"},
		"owners missing":     {"edges", func(b *billed) { b.Audit.Pending-- }, "audit"},
		"a serial twice": {"edges", func(b *billed) { // the crowd tells it, because the ledger may not
			win := crowd.Answer{Status: 200, Body: []byte(`{"code":1,"data":{"sale":"ticket","serial":7,"token":"t"}}`)}
			b.wins.Hear(win)
			b.wins.Hear(win)
		}, "7"},
	} {
		b := paid(c.design, 8)
		c.change(b)
		if got := strings.Join(b.judge(), "; "); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The article's front keeps no connection and has the weights 1:2:3:4.
func TestArticleConf(t *testing.T) {
	conf, err := confOf("article.conf.tmpl", rig.Topology{Listen: "127.0.0.1:8080",
		Edges: []string{"127.0.0.1:3001", "127.0.0.1:3002"}, Weights: []int{1, 2}})
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

// The article let 150 of each machine's 100 through.
func TestLocalStock(t *testing.T) {
	for units, want := range map[int64]string{10_000: "3750", 400: "150", 1: "1"} {
		site := Bill{Units: units}.site(designs.of(peers.Article))
		if args := site.Servers[3].Args; len(site.Servers) != 4 || args[len(args)-1] != want {
			t.Errorf("%d units: %v, want %s", units, args, want)
		}
	}
}
