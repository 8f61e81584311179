package deploy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/spike.rules.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each alert tells what it is, and has a section of the page and a test of promtool. The page has no section of another alert.
func TestAlertsAreExplained(t *testing.T) {
	page, tested := read(t, "../docs/alerts.md"), read(t, "prometheus/spike.rules.test.yml")
	all := rules(t)
	if sections := strings.Count(page, "\n## "); sections != len(all) {
		t.Errorf("%d alerts, and %d sections", len(all), sections)
	}
	for _, r := range all {
		_, section, is := strings.Cut(page, "\n## "+r.Alert+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, part := range []string{"**You see**", "**Why**", "**Do**", "**Cost**"} {
			if !is || !strings.Contains(section, part) {
				t.Errorf("%s: docs/alerts.md does not say %s", r.Alert, part)
			}
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" ||
			r.Annotations["runbook"] != "docs/alerts.md#"+strings.ToLower(r.Alert) {
			t.Errorf("%+v", r)
		}
		if !strings.Contains(tested, "alertname: "+r.Alert+"\n        exp_alerts:") {
			t.Errorf("%s: no test makes it fire", r.Alert)
		}
	}
}

// The dashboard's panels ask the source that is chosen there, and lie beside each other.
func TestDashboardIsWhole(t *testing.T) {
	var board struct {
		Panels []struct {
			ID         int
			Type       string
			Title      string
			Datasource struct{ UID string }
			GridPos    struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/spike.json")), &board); err != nil {
		t.Fatal(err)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if p.Type != "row" && p.Datasource.UID != "${datasource}" || p.Title == "" || ids[p.ID] {
			t.Errorf("%+v", p)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, is := taken[[2]int{x, y}]; is || x >= 24 {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
