//go:build integration

package deploy

import (
	"os/exec"
	"testing"
)

// Prometheus' own tool finds no fault in the settings and the rules, and its tests of the rules pass.
func TestPromtool(t *testing.T) {
	for _, args := range [][]string{
		{"check", "config", "--lint-fatal", "prometheus.yml"},
		{"check", "rules", "--lint=all", "--lint-fatal", "spike.rules.yml"},
		{"test", "rules", "spike.rules.test.yml"},
	} {
		cmd := exec.Command("promtool", args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v (make deps installs it): %v\n%s", args, err, out)
		}
	}
}
