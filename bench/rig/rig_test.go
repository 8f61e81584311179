package rig

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spike/nginx"
)

func TestMetrics(t *testing.T) {
	m, err := readMetrics(strings.NewReader(`# TYPE spike_buys_total counter
spike_buys_total{outcome="won",sale="ticket"} 1234
spike_buys_total{sale="ticket",outcome="sold_out"} 1e+06
spike_buys_total{outcome="won",sale="other"} 5
spike_buys_totals{outcome="won",sale="ticket"} 7
# TYPE spike_ready gauge
spike_ready 1
spike_odd{wholesale="ticket",sale="a \"quoted\" one"} 3
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"won": 1234, "sold_out": 1_000_000}
	if got := m.By("outcome", BuysTotal, "sale", "ticket"); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	for _, c := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1_001_239, BuysTotal, nil}, {1239, BuysTotal, []string{"outcome", "won"}}, {1, "spike_ready", nil},
		{3, "spike_odd", []string{"sale", `a "quoted" one`}}, {0, "spike_odd", []string{"sale", "ticket"}}, {0, "spike_none", nil},
	} {
		if got := m.Sum(c.name, c.labels...); got != c.want || m.Has(c.name, c.labels...) != (c.want > 0) {
			t.Errorf("%s %v: %v", c.name, c.labels, got)
		}
	}
	if _, err = readMetrics(strings.NewReader(`spike_buys_total{outcome="won"} many` + "\n")); err == nil {
		t.Error("many is a number")
	}
}

func TestCostsSince(t *testing.T) {
	first, second := Costs{1, 2, 3, 4, 5, 6}, Costs{11, 22, 33, 44, 55, 66}
	if got := second.Since(first); got != (Costs{10, 20, 30, 40, 50, 60}) || got.CPU() != 100 {
		t.Errorf("%+v, %v", got, got.CPU())
	}
}

func TestTopologyIsReadAsItWasMeant(t *testing.T) {
	want := Topology{Listen: "127.0.0.1:8080", Edges: []string{"127.0.0.1:3001", "127.0.0.1:3002"}, Weights: []int{1, 2},
		GateDir: "/run/gate", Workers: 2, More: []string{"balance: buyer-hash", "keepalive: 0"}}
	file, err := want.Save(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, err := nginx.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Listen != want.Listen || got.GateDir != want.GateDir || got.Workers != 2 || got.Balance != nginx.BuyerHash ||
		*got.Keepalive != 0 || len(got.Edges) != 2 || got.Edges[1] != (nginx.Edge{Addr: "127.0.0.1:3002", Weight: 2}) {
		t.Errorf("%+v", got)
	}
}

// Without a gate, and with a worker for each CPU.
func TestShortestTopologyIsRead(t *testing.T) {
	file, err := Topology{Listen: "127.0.0.1:8080", Edges: []string{"127.0.0.1:3001"}}.Save(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, err := nginx.Load(file)
	if err != nil || got.GateDir != "" || got.Workers != 0 || got.Edges[0].Weight != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// nginx' workers may run as nobody: they must be able to enter and to read.
func TestRoomsAreOpen(t *testing.T) {
	for name, make := range map[string]func() (string, error){
		"room": func() (string, error) { return Room("test") }, "flags": FlagDir,
	} {
		dir, err := make()
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o011 != 0o011 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestVersionsAreNumbers(t *testing.T) {
	of := func(v string) float64 { return version(filepath.Join("/usr/lib/postgresql", v, "bin/postgres")) }
	if of("15") <= of("9.6") || of("x") != 0 {
		t.Error(of("15"), of("9.6"), of("x"))
	}
}

func TestURLSurvivesAnyPassword(t *testing.T) {
	p := &Postgres{Addr: "127.0.0.1:5432", password: "a/b@c:d?"}
	if got := p.URL("run_1"); got != "postgres://spike:a%2Fb%40c%3Ad%3F@127.0.0.1:5432/run_1" {
		t.Error(got)
	}
}

// A failed run names its command, and leaves the caller's words as they are: the caller may run them again.
func TestFailedRunKeepsItsWords(t *testing.T) {
	words := append(make([]string, 0, 8), "-c", "exit 3")
	for range 2 {
		if _, err := Run(t.Context(), "", "sh", words...); err == nil || !strings.Contains(err.Error(), "sh -c exit 3: exit status 3") {
			t.Error(err)
		}
	}
}
