package compare

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/peers"
	"spike/bench/process"
)

func TestOrder(t *testing.T) {
	const e, b, o, a = Edge, peers.Bare, peers.OneScript, peers.Article
	for _, c := range []struct {
		servers []string
		round   int
		want    []string
	}{
		{Servers(), 0, []string{e, b, b, e, o, a}},
		{Servers(), 1, []string{e, b, b, e, a, o}},
		{[]string{e, b}, 1, []string{e, b, b, e}},
		{[]string{b, o, a}, 0, []string{b, b, o, a}},
		{[]string{e}, 0, []string{e, e}},
		{[]string{a}, 0, []string{a}},
	} {
		if got := order(c.servers, c.round); !slices.Equal(got, c.want) {
			t.Errorf("order(%v, %d) = %v, want %v", c.servers, c.round, got, c.want)
		}
	}
}

func sample(server string, round int, cost float64) Sample {
	const requests = 1000
	return Sample{Scenario: SoldOut, Server: server, Round: round,
		Measurement: crowd.Measurement{Requests: requests, PerSec: 10},
		Costs:       process.Costs{CPU: time.Duration(cost * requests * float64(time.Microsecond))}}
}

func TestSummarise(t *testing.T) {
	samples := []Sample{
		sample(Edge, 1, 10), sample(peers.Bare, 1, 10), sample(peers.Bare, 1, 10), sample(Edge, 1, 11), sample(peers.Article, 1, 30),
		sample(Edge, 2, 12), sample(peers.Bare, 2, 9), sample(peers.Bare, 2, 11), sample(Edge, 2, 12), sample(peers.Article, 2, 40),
		sample(Edge, 0, 13),
	}
	samples[0].Scripts, samples[1].Non2xx, samples[4].Unsold = 4, 2, 3
	got := Summarise(samples)
	if len(got) != 3 || got[0].Server != Edge || got[1].Server != peers.Bare || got[2].Server != peers.Article {
		t.Fatalf("%+v", got)
	}
	edge, bare, article := got[0], got[1], got[2]
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("edge's cost", edge.Cost.Median, 11.5)
	near("edge's ratio", edge.Ratio.Median, (1.05+1.2)/2)
	near("edge's largest ratio", edge.Ratio.Max, 1.2)
	near("edge's cost by ab", edge.ABCost, 13)
	near("edge's target", edge.RatioTarget, 1.08)
	near("edge's scripts", edge.ScriptsPerAnswer(), 4.0/4000)
	near("article's ratio", article.Ratio.Median, 3.5)
	near("article's target", article.RatioTarget, 0)
	if bare.Ratio.N != 0 || bare.Faulty != 2 || article.Faulty != 3 || edge.Requests != 4000 {
		t.Errorf("%+v", got)
	}
}

func TestWhereCPUCannotBeRead(t *testing.T) {
	got := Summarise([]Sample{sample(Edge, 1, 0), sample(peers.Bare, 1, 0), sample(peers.Bare, 1, 0), sample(Edge, 1, 0)})
	if len(got) != 2 || got[0].Cost.N != 0 || got[0].Ratio.N != 0 || got[0].PerSec.Median != 10 {
		t.Fatalf("%+v", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Quads: 1, Duration: time.Second, Connections: 1, Threads: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"no quads":          func(o *Options) { o.Quads = 0 },
		"half a second":     func(o *Options) { o.Duration = time.Second / 2 },
		"a broken second":   func(o *Options) { o.Duration = 3 * time.Second / 2 },
		"idle threads":      func(o *Options) { o.Threads = 2 },
		"unknown to --only": func(o *Options) { o.Only = []string{"nginx"} },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check(); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnly(t *testing.T) {
	o := Options{Only: []string{SoldOut, peers.Bare, Edge}, Quads: 3, ABRequests: 1}
	if got := o.servers(); !slices.Equal(got, []string{Edge, peers.Bare}) {
		t.Errorf("servers %v", got)
	}
	if got := o.scenarios(); len(got) != 1 || got[0].Name != SoldOut {
		t.Errorf("scenarios %v", got)
	}
	if got := o.steps(); got != 3*4+2 {
		t.Errorf("%d steps", got)
	}
	if len(Options{}.servers()) != 4 || len(Options{Only: []string{peers.Bare}}.scenarios()) != 2 {
		t.Error("nothing named is not everything")
	}
}

func TestCaptureIsVerbatim(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "1")
		_, _ = w.Write([]byte(`{"code":-1,"msg":"` + strings.Repeat("x", 900) + `"}`))
	}))
	defer s.Close()
	raw, err := capture(t.Context(), s.Listener.Addr().String(), "/buy/ticket")
	if err != nil {
		t.Fatal(err)
	}
	if err = checkCode(raw, -1); err != nil {
		t.Error(err)
	}
	if err = checkCode(raw, 1); err == nil {
		t.Error("sold out passed for a win")
	}
	a, err := peers.ParseAnswer(raw)
	if err != nil || !slices.Contains(a.Header, "Retry-After") || len(a.Body) < 900 {
		t.Errorf("%+v, %v", a, err)
	}
}
