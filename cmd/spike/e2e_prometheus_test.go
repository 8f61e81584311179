//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"spike/bench/rig/rigtest"
)

const (
	rulesFile     = "../../deploy/prometheus/spike.rules.yml"
	dashboardFile = "../../deploy/grafana/spike.json"
)

// monitor is a running Prometheus that scrapes each second, under the rules that operators have.
type monitor struct{ addr string }

// startPrometheus starts it with the targets of each job.
func startPrometheus(t testing.TB, targets map[string][]string) monitor {
	t.Helper()
	dir := t.TempDir()
	config := map[string]any{
		"global":     map[string]string{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{impatientRules(t, dir)},
	}
	var jobs []map[string]any
	for job, list := range targets {
		jobs = append(jobs, map[string]any{"job_name": job, "static_configs": []map[string][]string{{"targets": list}}})
	}
	config["scrape_configs"] = jobs
	file := filepath.Join(dir, "prometheus.yml")
	write(t, file, marshal(t, config))
	p := monitor{rigtest.FreeAddr(t)}
	rigtest.Start(t, &rigtest.Process{Spec: rigtest.Spec{Name: "prometheus", Path: "prometheus", Dir: dir, Limit: patience,
		Args: []string{"--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"),
			"--web.listen-address", p.addr, "--storage.tsdb.retention.time", "1h", "--log.level", "warn"},
		Env: []string{"GOMAXPROCS=1"}, Addrs: []string{p.addr}, Probe: rigtest.Answers("http://"+p.addr+"/-/ready", http.StatusOK)}})
	return p
}

// impatientRules writes the operators' rules into dir. Each condition must hold for a second instead of its own time.
func impatientRules(t testing.TB, dir string) string {
	t.Helper()
	var rules struct {
		Groups []struct {
			Name  string
			Rules []map[string]any
		}
	}
	if err := yaml.Unmarshal([]byte(textOf(t, rulesFile)), &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			rule["for"] = "1s"
		}
	}
	file := filepath.Join(dir, "rules.yml")
	write(t, file, marshal(t, rules))
	return file
}

func marshal(t testing.TB, of any) string {
	t.Helper()
	text, err := yaml.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask reads the answer's data into what to points at.
func (p monitor) ask(t testing.TB, path string, query url.Values, to any) {
	t.Helper()
	_, _, text := get(t, "GET", "http://"+p.addr+path+"?"+query.Encode())
	answer := struct {
		Status, Error string
		Data          any
	}{Data: to}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s %v: %s %v", path, query, answer.Error, err)
	}
}

// firing are the alerts that fire, each as its name and the values of its labels sale and instance.
func (p monitor) firing(t testing.TB) (all []string) {
	t.Helper()
	var data struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	p.ask(t, "/api/v1/alerts", nil, &data)
	for _, a := range data.Alerts {
		if a.State == "firing" {
			all = append(all, fmt.Sprintf("%s %s%s", a.Labels["alertname"], a.Labels["sale"], a.Labels["instance"]))
		}
	}
	return all
}

// fires waits until an alert fires.
func (p monitor) fires(t testing.TB, alert string, meanwhile func()) {
	t.Helper()
	var all []string
	defer func() {
		if t.Failed() {
			t.Logf("firing: %s", strings.Join(all, ", "))
		}
	}()
	eventually(t, 2*patience, alert+" fires", func() bool {
		meanwhile()
		all = p.firing(t)
		for _, a := range all {
			if strings.HasPrefix(a, alert) {
				return true
			}
		}
		return false
	})
}

// names are all metrics that were ever scraped.
func (p monitor) names(t testing.TB) map[string]bool {
	t.Helper()
	var list []string
	p.ask(t, "/api/v1/label/__name__/values", nil, &list)
	all := map[string]bool{}
	for _, name := range list {
		all[name] = true
	}
	return all
}

var metricName = regexp.MustCompile(`\b(?:spike|process|go)_[a-z0-9_]*[a-z0-9]\b`)

// metricsIn are the metrics that a text names. A histogram's series are those of one metric.
func metricsIn(text string) []string {
	var all []string
	for _, name := range metricName.FindAllString(text, -1) {
		all = append(all, strings.TrimSuffix(name, "_bucket"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// textOf reads a file of the repository.
func textOf(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// dashboardAsks sends Prometheus each question of the dashboard. Each is understood.
func (p monitor) dashboardAsks(t testing.TB) {
	t.Helper()
	asked := 0
	for _, m := range regexp.MustCompile(`"expr": ("(?:[^"\\]|\\.)*")`).FindAllStringSubmatch(textOf(t, dashboardFile), -1) {
		var question string
		if err := json.Unmarshal([]byte(m[1]), &question); err != nil {
			t.Fatal(err)
		}
		question = strings.NewReplacer("$__rate_interval", "1m", "$sale", ".*").Replace(question)
		var data any
		p.ask(t, "/api/v1/query", url.Values{"query": {question}}, &data)
		asked++
	}
	if asked < 10 {
		t.Errorf("the dashboard asks %d questions", asked)
	}
}

// checkMetrics has Prometheus' own tool look at what a program answers.
func checkMetrics(t testing.TB, admin string) {
	t.Helper()
	_, _, text := get(t, "GET", "http://"+admin+"/metrics")
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics of %s: %v\n%s", admin, err, out)
	}
}
