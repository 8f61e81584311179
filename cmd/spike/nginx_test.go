package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// --out replaces the file whole, and leaves it alone where the topology is wrong.
func TestNginxOut(t *testing.T) {
	dir := t.TempDir()
	topology, out := filepath.Join(dir, "topology.yaml"), filepath.Join(dir, "nginx.conf")
	for _, text := range []string{"listen: :8080\nedges: [{addr: 127.0.0.1:3001, weight: 1}]\n", "listen: :8080\nedges: []\n"} {
		if err := os.WriteFile(topology, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = (&NginxCmd{Topology: topology, NginxVersion: "1.26.0", Out: out}).Run()
		if conf, err := os.ReadFile(out); err != nil || !strings.Contains(string(conf), "server 127.0.0.1:3001") {
			t.Errorf("%s: %.100s %v", text, conf, err)
		}
	}
	if left, _ := filepath.Glob(out + ".*"); len(left) > 0 {
		t.Error(left)
	}
}
