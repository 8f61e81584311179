package lab

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"spike/nginx"
)

var update = flag.Bool("update", false, "write testdata anew")

// standardTopology is the default.
func standardTopology() Topology {
	t, err := Load("")
	if err != nil {
		panic("the embedded topology: " + err.Error())
	}
	return t
}

// golden compares text with a file that a person has checked.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s differs; look at it, then go test ./bench/lab -update\n%s", file, got)
	}
}

func TestGeneratedConfigurations(t *testing.T) {
	for what, file := range map[string]string{"keepalived": "keepalived.conf", NFT: "nft.conf", LVS: "lvs.rules",
		"ospf": "frr.conf"} {
		text, err := Print(standardTopology(), what)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, file, text)
	}
	if _, err := Print(standardTopology(), "haproxy"); !errors.Is(err, ErrUsage) {
		t.Errorf("printed what there is not: %v", err)
	}
}

func TestWiresAndSettings(t *testing.T) {
	p := newPlan(standardTopology())
	var b strings.Builder
	for _, batch := range p.wires() {
		fmt.Fprintf(&b, "# %s\n%s\n", batch.in, batch.text)
	}
	for _, h := range p.All() {
		fmt.Fprintf(&b, "# %s: %v\n", h.Place, h.settings())
	}
	golden(t, "wires.txt", b.String())
}

// The host has no part in the network. Every namespace has our prefix, and every link is made within a namespace, with both its
// ends.
func TestWiresStayInside(t *testing.T) {
	for _, batch := range newPlan(standardTopology()).wires() {
		if !strings.HasPrefix(string(batch.in), prefix) {
			t.Errorf("a batch for %q", batch.in)
		}
		for line := range strings.Lines(batch.text) {
			if strings.Contains(line, "type veth") && !strings.Contains(line, "netns "+prefix) {
				t.Errorf("a link whose other end goes nowhere of ours: %s", line)
			}
		}
	}
}

func TestEachNginxGetsATopologyThatSpikeNginxReads(t *testing.T) {
	topology, err := nginx.Parse([]byte(newPlan(standardTopology()).topologyOf("/run/gate").String()))
	if err != nil {
		t.Fatal(err)
	}
	if topology.GateDir != "/run/gate" || len(topology.Edges) != 4 ||
		topology.Edges[3] != (nginx.Edge{Addr: "10.3.0.24:3005", Weight: 4}) {
		t.Fatalf("got %+v", topology)
	}
}

func TestTopologySaysWhatItReads(t *testing.T) {
	again, err := parse([]byte(standardTopology().String()))
	if err != nil || !reflect.DeepEqual(again, standardTopology()) {
		t.Fatalf("%v: %+v", err, again)
	}
}

func TestTopologyNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ from, to, field string }{
		{"10.99.99.99", "10.2.0.11", "address"},
		{"10.99.99.99", "fe80::1", "address"},
		{"10.99.99.99", "127.0.0.1", "address"},
		{"directors: 2", "directors: 1", "directors"},
		{"fronts: 2", "fronts: 9", "fronts"},
		{"[1, 2, 3, 4]", "[1]", "edges"},
		{"[1, 2, 3, 4]", "[1, 0]", "edges[1]"},
		{"replicas: 1", "replicas: 4", "replicas"},
		{"replicas: 1", "replicas: 0", "trials[5]"}, // no replica that could die
		{"misses: 3", "misses: 1", "bfd.misses"},
		{"fall: 2", "fall: 0", "check.fall"},
		{"kept: 32", "kept: 0", "crowd.kept"},
		{"pause_ms: 30", "pause_ms: 1", "crowd.pause_ms"},
		{"calm, link", "calm, lonk", "trials[1]"},
		{"calm, link, director, nginx, edge, replica", "", "trials"},
		{"directors: 2", "directers: 2", "directers"},
	} {
		text := strings.Replace(string(standard), c.from, c.to, 1)
		if text == string(standard) {
			t.Fatalf("%q is not in the topology", c.from)
		}
		if _, err := parse([]byte(text)); !errors.Is(err, ErrTopology) || !strings.Contains(err.Error(), c.field+": ") {
			t.Errorf("%s: %v", c.to, err)
		}
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, o := range map[string]Options{
		"few units":   {Topology: standardTopology(), Units: 99, Rounds: 1},
		"many units":  {Topology: standardTopology(), Units: 1_000_001, Rounds: 1},
		"no round":    {Topology: standardTopology(), Units: 100},
		"many rounds": {Topology: standardTopology(), Units: 100, Rounds: 1001},
	} {
		if err := o.check(); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Options{Units: 100, Rounds: 1}).check(); !errors.Is(err, ErrTopology) {
		t.Errorf("no topology: %v", err)
	}
	if err := (Options{Topology: standardTopology(), Units: 100, Rounds: 1}).check(); err != nil {
		t.Error(err)
	}
}
