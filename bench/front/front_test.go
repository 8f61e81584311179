package front

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spike/nginx"
)

func TestCostsAddUp(t *testing.T) {
	before := Cost{Nginx: 1, Servers: 2, Redis: 3, Gate: 4}
	after := Cost{Nginx: 11, Servers: 22, Redis: 33, Gate: 44}
	if got := after.Since(before); got != (Cost{10, 20, 30, 40}) || got.Total() != 100 {
		t.Errorf("%+v, %v", got, got.Total())
	}
}

// A microsecond for one is a second for a million.
func TestPer(t *testing.T) {
	if got := Per(30*time.Second, 2_000_000); got != 15 {
		t.Errorf("%v", got)
	}
	if got := Per(time.Second, 0); got != 0 {
		t.Errorf("%v for nobody", got)
	}
}

// The article let 150 of each machine's 100 through.
func TestLocalStock(t *testing.T) {
	for units, want := range map[int64]int64{10_000: 3750, 400: 150, 1: 1} {
		if got := LocalStock(units); got != want {
			t.Errorf("%d units: %d, want %d", units, got, want)
		}
		if edges := int64(len(Weights())); edges*LocalStock(units) < units {
			t.Errorf("%d units could not all be sold", units)
		}
	}
}

func TestTopologyIsReadAsItWasMeant(t *testing.T) {
	file := filepath.Join(t.TempDir(), "topology.yaml")
	want := Topology{Listen: "127.0.0.1:8080", Edges: []string{"127.0.0.1:3001", "127.0.0.1:3002"}, Weights: []int{1, 2},
		GateDir: "/run/gate", Workers: 2, More: []string{"balance: buyer-hash", "keepalive: 0"}}
	if err := want.Save(file); err != nil {
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
	conf, err := want.Conf()
	if err != nil || !bytes.Contains(conf, []byte("server 127.0.0.1:3002 weight=2")) {
		t.Errorf("%v\n%s", err, conf)
	}
	if _, err = (Topology{Listen: "nowhere"}).Conf(); err == nil {
		t.Error("a topology without edges became a configuration")
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
