//go:build e2e

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/nginx"
)

// readyOrders is an order worker beside an edge. It must store the orders of buyers who win.
type readyOrders struct {
	*readyEdge
	readyCheck
	worker *testServer
	db     ordersDB
}

func newReadyOrders(t *testing.T) *readyOrders {
	c := &readyOrders{readyEdge: newReadyEdge(t), db: ordersDB{rigtest.StartPostgres(t)}}
	c.worker = startOrders(t, "--redis", c.addr, "--db", c.db.URL("postgres"))
	c.readyCheck = readyCheck{t, c.worker.admin, c.worker.Output, c.stores}
	return c
}

// stores says whether an order is taken and stored now. It queries over a new connection, so that a database that hangs
// counts as a failure.
func (c *readyOrders) stores() bool {
	t := c.t
	a := c.edge.buy(t, "ticket")
	if a.Word() != rigtest.Won {
		return false
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c.db.ask(t, fmt.Sprint("SELECT count(*) FROM orders WHERE serial = ", rigtest.Bought(a).Serial)) > 0 {
			return true
		}
	}
	return false
}

func TestD8OrdersReadyIsOneTruth(t *testing.T) {
	t.Parallel()
	c := newReadyOrders(t)
	readOnly := func(how string) func() {
		return func() {
			c.db.exec(t, "ALTER SYSTEM "+how)
			c.db.exec(t, "SELECT pg_reload_conf()")
		}
	}
	c.db.exec(t, "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "+
		"$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$")
	c.matrix(c.hanging(), c.readOnly(), c.gone(), c.loading(),
		state{"database gone", c.db.End, func() { rigtest.Restart(t, c.db.Process) }},
		state{"database hanging", c.db.Pause, c.db.Resume},
		state{"database read-only",
			readOnly("SET default_transaction_read_only = on"), readOnly("RESET default_transaction_read_only")},
		state{"database full", func() {
			c.db.exec(t, "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION full_disk()")
		}, func() { c.db.exec(t, "DROP TRIGGER full_disk ON orders") }})
	c.edge.stop(t)
	if a := (redisServer{addr: c.addr}).audit(t, "ticket"); a.Leased != 0 {
		t.Errorf("%+v", a)
	}
}

// readyGate is a gate beside an edge. It must set a flag for a sale that is sold out.
type readyGate struct {
	*readyEdge
	readyCheck
	stage *gateStage
	store redisServer
	sales int
}

func newReadyGate(t *testing.T, flags string) *readyGate {
	d := &readyGate{readyEdge: newReadyEdge(t)}
	d.store = redisAt(t, d.addr)
	d.stage = &gateStage{redis: d.store, flags: flags, topology: filepath.Join(t.TempDir(), "t.yaml")}
	write(t, d.stage.topology,
		fmt.Sprintf("listen: 127.0.0.1:1\ngate_dir: %s\nedges:\n  - {addr: %s, weight: 1}\n", flags, d.edge.addr))
	d.stage.startGate(t)
	d.readyCheck = readyCheck{t, d.stage.gate.admin, d.stage.gate.Output, d.flags}
	return d
}

// flags says whether a sale that is sold out now gets its flag. If the store is away, no sale can be sold out; then it says
// whether a flag is valid all the same.
func (d *readyGate) flags() bool {
	t := d.t
	d.sales++
	name := fmt.Sprintf("fresh%d", d.sales)
	_, err := d.store.Create(t.Context(), name, ledger.CreateRequest{Total: 1, Hold: time.Hour})
	if err == nil {
		_, err = d.store.Deduct(t.Context(), name, ledger.DeductRequest{N: 1, Nonce: 1})
	}
	if err != nil {
		return d.valid("*")
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if d.valid(name) {
			return true
		}
	}
	return false
}

// valid says whether nginx would find a flag of a sale now.
func (d *readyGate) valid(sale string) bool {
	found, _ := filepath.Glob(filepath.Join(d.stage.flags, nginx.FlagName(sale, nginx.NoneNow, nginx.Slot(time.Now()))))
	return len(found) > 0
}

// flagsDisk mounts a file system for flags, and returns a function that fills it. If it cannot mount, it makes a directory,
// and full is nil.
func flagsDisk(t *testing.T) (dir string, full func() (undo func())) {
	dir = t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,nr_inodes=4096"); err != nil {
		t.Logf("a file system of our own cannot be made here, so none is full: %v", err)
		return dir, nil
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func() func() {
		var fillers []string
		for i := 0; ; i++ {
			name := filepath.Join(dir, fmt.Sprint("filler", i))
			if os.WriteFile(name, nil, 0o600) != nil {
				break
			}
			fillers = append(fillers, name)
		}
		return func() {
			for _, name := range fillers {
				_ = os.Remove(name)
			}
		}
	}
}

func TestD8GateReadyIsOneTruth(t *testing.T) {
	t.Parallel()
	dir, full := flagsDisk(t)
	d := newReadyGate(t, filepath.Join(dir, "flags"))
	states := []state{d.hanging(), d.readOnly(), d.gone(), d.loading(),
		{"deaf", func() { d.redis("ACL", "SETUSER", "default", "resetchannels") },
			func() { d.redis("ACL", "SETUSER", "default", "allchannels") }},
		{"flags unwritable", func() {
			d.mustRename(d.stage.flags, d.stage.flags+".away")
			write(t, d.stage.flags, "")
		}, func() { _ = os.Remove(d.stage.flags); d.mustRename(d.stage.flags+".away", d.stage.flags) }}}
	if full != nil {
		var undo func()
		states = append(states, state{"no room for flags", func() { undo = full() }, func() { undo() }})
	}
	d.matrix(states...)
	m := d.stage.gate.metrics(t)
	for _, series := range [][]string{{"spike_gate_sales"}, {"spike_gate_flags", "flag", "none-now"}, {"spike_gate_looks_total"}} {
		if m.Sum(series[0], series[1:]...) < 1 {
			t.Errorf("%q is not there, or 0", series)
		}
	}
	d.edge.stop(t)
}
