//go:build e2e

package price

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// turn is what a report's JSON has of a turn of any experiment.
type turn struct {
	measure.Turn
	Figures map[string]float64
	Raw     struct {
		Load                             crowd.Result
		Right, Won, Sold, Reached, Waits int64
		Counts                           []int64
		Audit                            *ledger.Audit
	}
	Wrong []string
}

// measured is `spike bench NAME` with small sizes. It returns the turns, as the report's JSON has them.
func measured(t *testing.T, file, name string, args ...string) []turn {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command(rigtest.Binary(t), append([]string{"bench", name, "--out", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r struct {
		Failed  bool
		Samples []turn
	}
	text, err := os.ReadFile(filepath.Join(dir, file+".json"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || r.Failed || len(r.Samples) == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range r.Samples {
		if s.Figures[measure.Faulty] != 0 || len(s.Wrong) > 0 {
			t.Errorf("%+v", s)
		}
	}
	return r.Samples
}

// Every server of the line-up answers, and each is measured by its turns.
func TestAnswer(t *testing.T) {
	t.Parallel()
	turns := measured(t, "report", "edge", "--quads", "1", "--duration", "1s", "--connections", "8", "--ab-requests", "500",
		"--edge-arg=--drain=0s")
	if len(turns) != 2*(6+4) {
		t.Fatalf("%d turns", len(turns))
	}
	for _, s := range turns {
		f := s.Figures
		if s.Round == 2 {
			if f["ab_us"] <= 0 || f["ab_per_sec"] <= 0 || f["cpu_us"] != 0 {
				t.Errorf("%+v", s)
			}
			continue
		}
		if f["cpu_us"] <= 0 || f["per_sec"] <= 0 || f["ab_us"] != 0 {
			t.Errorf("%+v", s)
		}
		asks := s.Subject == peers.OneScript || s.Subject == peers.Article && s.Part == "selling"
		if asks != (f["scripts"] >= f["requests"]) {
			t.Errorf("%s, %s: %v scripts for %v requests", s.Part, s.Subject, f["scripts"], f["requests"])
		}
		if _, counts := f["sold"]; counts == (s.Subject == peers.Bare) || s.Part == "soldout" && f["sold"] != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// Every request is answered, and the right edge counts it.
func TestShare(t *testing.T) {
	t.Parallel()
	const requests = 2000
	turns := measured(t, "balance", "balance", "--rounds", "1", "--requests", "2000", "--connections", "64")
	if len(turns) != 2*len(ways) {
		t.Fatalf("%d turns", len(turns))
	}
	for _, s := range turns {
		if s.Raw.Load.Answered != requests || s.Figures["nginx_us"] <= 0 || s.Figures["edges_us"] <= 0 {
			t.Errorf("%+v", s)
		}
		want := map[string][]int64{roundRobin: {500, 500, 500, 500}, "weighted": {200, 400, 600, 800},
			"ip-hash, one network": {0, 0, 0, requests}}[wayOf(s.Subject).String()] // one edge gets all of a network
		got := slices.Clone(s.Raw.Counts)
		if want != nil && want[0] == 0 {
			slices.Sort(got)
		}
		if want != nil && !slices.Equal(got, want) || want == nil && slices.Min(got) == 0 { // a hash must leave no edge out
			t.Errorf("%s: %v", s.Subject, got)
		}
	}
}

// Every request is answered by its flag, with one sale and with many.
func TestFlag(t *testing.T) {
	t.Parallel()
	turns := measured(t, "gate", "gate", "--quads", "1", "--duration", "1s", "--connections", "16", "--sales", "1,300")
	if len(turns) != 8 || turns[0].Part != "1" || turns[7].Part != "300" {
		t.Fatalf("%+v", turns)
	}
	for _, s := range turns {
		if s.Figures["cpu_us"] <= 0 || s.Figures["requests"] <= 0 {
			t.Errorf("%+v", s)
		}
	}
}

// Every design sells exactly its units, and every request is answered.
func TestBill(t *testing.T) {
	t.Parallel()
	const requests, units = 4000, 50
	turns := measured(t, "bill", "bill", "--rounds", "1", "--requests", "4000", "--units", "50", "--connections", "32")
	if len(turns) != len(designs) {
		t.Fatalf("%+v", turns)
	}
	for i, s := range turns {
		d := designs[i]
		if s.Subject != d.String() || s.Raw.Load.Answered != requests || s.Raw.Won != units || s.Raw.Sold != units {
			t.Errorf("%+v", s)
		}
		if f := s.Figures; f["nginx"] <= 0 || f["servers"] <= 0 || f["redis"] <= 0 || (f["gate"] > 0) != d.gate {
			t.Errorf("%s: %+v", d.String(), f)
		}
		if d.String() == "edges" && s.Raw.Reached != requests {
			t.Errorf("%d of %d requests reached an edge, and nobody else could answer", s.Raw.Reached, requests)
		}
		if a := s.Raw.Audit; d.String() != peers.Article && (a == nil || !a.OK || a.Pending+a.Confirmed != units) {
			t.Errorf("%s: audit %+v", d.String(), a)
		}
	}
}

// A crowd comes so slowly that the gate sets its flag meanwhile. nginx answers most of the crowd.
func TestGateTakesTheCrowd(t *testing.T) {
	t.Parallel()
	const requests = 100_000
	turns := measured(t, "bill", "bill", "--rounds", "1", "--only", "gate", "--requests", "100000", "--units", "500",
		"--connections", "4")
	if s := turns[0].Raw; len(turns) != 1 || s.Won != 500 || s.Reached < 500 || s.Reached >= requests*9/10 {
		t.Errorf("%+v", turns)
	}
}

// With two programs, every kind of sale is brought into each phase, and the edge's counter says that every buyer heard what the
// phase says.
func TestReal(t *testing.T) {
	t.Parallel()
	bin := rigtest.Binary(t)
	turns := measured(t, "real", "real", "--base", bin, "--rounds", "1", "--duration", "200ms", "--connections", "8",
		"--edge-arg=--drain=0s")
	want := 0
	for _, p := range (Real{Base: bin}).parts() {
		want += 2 * len(p.Subjects)
	}
	if len(turns) != want {
		t.Fatalf("%d turns, not %d", len(turns), want)
	}
	for _, s := range turns {
		answered := s.Raw.Load.Answered
		if answered == 0 || s.Raw.Right != answered || s.Figures["edge_us"] <= 0 || s.Figures["redis_us"] <= 0 {
			t.Errorf("%+v", s)
		}
		if sold := s.Raw.Sold; (s.Part == "selling") != (sold > 0) || s.Part == "selling" && sold != answered {
			t.Errorf("%s, %s: %d sold to %d buyers", s.Part, s.Subject, sold, answered)
		}
	}
}

// Each store has, as soon as the crowd is answered, every unit that somebody has won. Redis was asked to wait where it has
// replicas, and only there.
func TestDurable(t *testing.T) {
	t.Parallel()
	turns := measured(t, "durable", "durable", "--rounds", "1", "--duration", "200ms", "--connections", "16",
		"--edge-arg=--drain=0s")
	if len(turns) != 2*len(durableWays) {
		t.Fatalf("%+v", turns)
	}
	for _, s := range turns {
		if wins := s.Raw.Load.Codes[won]; wins == 0 || wins != s.Raw.Load.Answered || s.Raw.Sold < wins {
			t.Errorf("%+v", s)
		}
		if waited := s.Raw.Waits > 0; waited != (replicasOf[s.Subject] > 0) {
			t.Errorf("%s: %d waits", s.Subject, s.Raw.Waits)
		}
	}
}
