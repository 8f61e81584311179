package lab

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"spike/nginx"
	"spike/nginx/strictyaml"
)

// ErrTopology is wrapped by every error in a topology.
var ErrTopology = fmt.Errorf("lab: %w", nginx.ErrTopology)

//go:embed topology.yaml
var standard []byte

// Topology is the lab as data.
type Topology struct {
	Address   netip.Addr `yaml:"address"`   // the address that buyers call
	Directors int        `yaml:"directors"` // 2 to 8
	Fronts    int        `yaml:"fronts"`    // nginx, 2 to 8
	Edges     []int      `yaml:"edges"`     // their weights, 1 to 1000; 2 to 16 of them
	Replicas  int        `yaml:"replicas"`  // of Redis, 0 to 3
	BFD       BFD        `yaml:"bfd"`
	Check     Check      `yaml:"check"`
	Crowd     Crowd      `yaml:"crowd"`
	Trials    []string   `yaml:"trials"` // in this order
}

// BFD is how the router and the directors notice each other's silence.
type BFD struct {
	EveryMS int `yaml:"every_ms"` // 50 to 1000. With 100 it flaps on a machine that may stall for half a second
	Misses  int `yaml:"misses"`   // 2 to 10
}

// Check is how a director watches an nginx.
type Check struct {
	EveryMS int `yaml:"every_ms"` // 50 to 5000
	Fall    int `yaml:"fall"`     // bad answers in a row after which it is out, 1 to 10
	Rise    int `yaml:"rise"`     // good answers in a row after which it is back, 1 to 10
}

// Crowd is the buyers. Each waits for its answer, and then for the pause.
type Crowd struct {
	Kept    int `yaml:"kept"`     // buyers on a connection that stays open, 1 to 256
	Fresh   int `yaml:"fresh"`    // buyers with a connection for each buy, 1 to 256
	PauseMS int `yaml:"pause_ms"` // 5 to 1000
}

// Standard is the default topology of `spike lab`.
func Standard() Topology {
	t, err := Parse(standard)
	if err != nil {
		panic("the embedded topology: " + err.Error()) // a test reads it
	}
	return t
}

// Load reads and checks the topology in a file.
func Load(file string) (Topology, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Topology{}, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	t, err := Parse(data)
	if err != nil {
		return Topology{}, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// Parse reads a topology from YAML and checks it.
func Parse(data []byte) (Topology, error) {
	var t Topology
	if err := strictyaml.Decode(data, &t); err != nil {
		return Topology{}, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	return t, t.Validate()
}

// String is the topology as Parse reads it.
func (t Topology) String() string {
	text, err := yaml.Marshal(t)
	if err != nil {
		panic("topology: " + err.Error()) // plain fields: this cannot fail
	}
	return string(text)
}

// Validate reports the first field that cannot be used, by its name in the file.
func (t Topology) Validate() error {
	if !t.Address.Is4() || inside(t.Address) || !t.Address.IsGlobalUnicast() {
		return wrong("address", errors.New("is not an IPv4 address outside of 10.0.0.0/14"))
	}
	for _, f := range []struct {
		field       string
		n, low, top int
	}{
		{"directors", t.Directors, 2, 8}, {"fronts", t.Fronts, 2, 8}, {"edges", len(t.Edges), 2, 16},
		{"replicas", t.Replicas, 0, 3},
		{"bfd.every_ms", t.BFD.EveryMS, 50, 1000}, {"bfd.misses", t.BFD.Misses, 2, 10},
		{"check.every_ms", t.Check.EveryMS, 50, 5000}, {"check.fall", t.Check.Fall, 1, 10}, {"check.rise", t.Check.Rise, 1, 10},
		{"crowd.kept", t.Crowd.Kept, 1, 256}, {"crowd.fresh", t.Crowd.Fresh, 1, 256},
		{"crowd.pause_ms", t.Crowd.PauseMS, 5, 1000},
		{"trials", len(t.Trials), 1, 64},
	} {
		if f.n < f.low || f.n > f.top {
			return wrong(f.field, fmt.Errorf("%d is not within %d..%d", f.n, f.low, f.top))
		}
	}
	for i, weight := range t.Edges {
		if weight < 1 || weight > 1000 {
			return wrong(fmt.Sprintf("edges[%d]", i), fmt.Errorf("%d is not within 1..1000", weight))
		}
	}
	return t.checkTrials()
}

func (t Topology) checkTrials() error {
	for i, name := range t.Trials {
		field := fmt.Sprintf("trials[%d]", i)
		if !slices.Contains(trials, name) {
			return wrong(field, fmt.Errorf("%q is none of %v", name, trials))
		}
		if name == replicaTrial && t.Replicas == 0 {
			return wrong(field, errors.New("there is no replica to die"))
		}
	}
	return nil
}

func wrong(field string, err error) error { return fmt.Errorf("%w: %s: %w", ErrTopology, field, err) }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }
