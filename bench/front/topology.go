package front

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"spike/nginx"
)

// Topology is the file that nginx's configuration is made from, and that the gate reads.
type Topology struct {
	Listen  string
	Edges   []string // their addresses
	Weights []int    // one for each edge
	GateDir string   // empty: no gate
	Workers int      // 0: one for each CPU
	More    []string // further lines
}

// text is the file.
func (t Topology) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "listen: %s\n", t.Listen)
	if t.GateDir != "" {
		fmt.Fprintf(&b, "gate_dir: %s\n", t.GateDir)
	}
	if t.Workers > 0 {
		fmt.Fprintf(&b, "workers: %d\n", t.Workers)
	}
	for _, line := range t.More {
		fmt.Fprintln(&b, strings.TrimRight(line, "\n"))
	}
	fmt.Fprintln(&b, "edges:")
	for i, addr := range t.Edges {
		fmt.Fprintf(&b, "  - {addr: %q, weight: %d}\n", addr, t.Weights[i])
	}
	return b.Bytes()
}

// Save writes the file.
func (t Topology) Save(file string) error {
	if err := os.WriteFile(file, t.text(), 0o644); err != nil {
		return fmt.Errorf("topology: %w", err)
	}
	return nil
}

// Conf returns the nginx.conf that `spike nginx` makes of it.
func (t Topology) Conf() ([]byte, error) {
	parsed, err := nginx.Parse(t.text())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = nginx.Render(&b, parsed)
	return b.Bytes(), err
}
