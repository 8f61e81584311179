//go:build e2e

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
)

// After a killed edge has come back, the ledger has every win that a buyer read. The units that the edge had not sold can be
// bought at once.
// It proves G8.
func TestKilledEdgeLosesNoWin(t *testing.T) {
	t.Parallel()
	runs := 2
	if long() {
		runs = 20
	}
	for range runs {
		redis := startRedis(t)
		mustSpike(t, "sale", "create", "ticket", "--total", "60000", "--redis", redis.addr)
		data := t.TempDir()
		edge := startEdge(t, "--redis", redis.addr, "--data", data)
		w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 32, URLs: []string{edge.buyURL("ticket")}})
		eventually(t, patience, "a quarter is sold", func() bool { return w.Count(rigtest.Won) > 15_000 })
		edge.die()
		stop()
		told := w.Count(rigtest.Won)
		if told > 59_000 {
			t.Fatalf("killed too late, after %d", told)
		}
		if files, _ := filepath.Glob(filepath.Join(data, "*.ring")); len(files) != 1 {
			t.Fatalf("rings left: %v", files)
		}
		again := startEdge(t, "--redis", redis.addr, "--data", data)
		eventually(t, patience, "the ring is settled and gone", func() bool {
			files, _ := filepath.Glob(filepath.Join(data, "*"))
			return len(files) == 1 // the file lock
		})
		a := redis.audit(t, "ticket")
		if a.Pending < uint64(told) || a.Pending > uint64(told)+32 || a.Leased+a.Limbo > 0 { // 32 answers may have been on the way
			t.Fatalf("%d told, %+v", told, a)
		}
		shown := 0
		for serial, won := range w.Units() { // a sample
			if shown++; shown > 200 {
				break
			}
			if a := rigtest.Ask(t, "GET", "http://"+again.addr+"/v1/reservations/"+won.Token); a.Word() != rigtest.Pending {
				t.Errorf("the token of serial %d: %v", serial, a)
			}
		}
		rest, _ := rigtest.Crowd(t, 62_000, 32, again.buyURL("ticket"))
		for _, serial := range rest.Serials() {
			if w.Has(serial) {
				t.Fatalf("serial %d sold before and after", serial)
			}
		}
		if uint64(rest.Count(rigtest.Won))+a.Pending != 60_000 {
			t.Fatalf("%d told, %d pending, %d sold afterwards", told, a.Pending, rest.Count(rigtest.Won))
		}
		again.stop(t)
		redis.audit(t, "ticket")
	}
}

// TestDataHasOneOwner proves G10.
func TestDataHasOneOwner(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	startEdge(t, "--data", data)
	_, errs, code := spike(t, "serve", "--listen", "127.0.0.1:0", "--admin", "", "--data", data)
	if code != 2 || !strings.Contains(errs, "another edge has it") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestForeignRingIsSetAside proves G13.
func TestForeignRingIsSetAside(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "x.ring"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	edge := startEdge(t, "--data", data)
	eventually(t, patience, "it is set aside", func() bool {
		_, err := os.Stat(filepath.Join(data, "x.ring.aside"))
		return err == nil
	})
	edge.stop(t)
	if !strings.Contains(edge.Output(), "set aside") {
		t.Error("and nobody says so")
	}
}

// An edge dies and does not come back. Others sell its units after lease + margin + hold + margin.
// It proves G9.
func TestDeadEdgesUnitsAreSoldByOthers(t *testing.T) {
	t.Parallel()
	const total, bound = 5_000, (5 + 1 + 2 + 1) * time.Second
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", strconv.Itoa(total), "--hold", "2s", "--redis", redis.addr)
	doomed, other := startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 8, URLs: []string{doomed.buyURL("ticket")}})
	eventually(t, patience, "it sells", func() bool { return w.Count(rigtest.Won) > 500 })
	doomed.die()
	stop()
	held := redis.audit(t, "ticket")
	if held.Leased == 0 {
		t.Fatal("it held nothing when it died")
	}
	died, again := time.Now(), map[uint64]bool{}
	eventually(t, bound+patience, "every unit is sold again, those that it held too", func() bool {
		w, r := rigtest.CrowdAnyway(t, 2_000, 8, other.buyURL("ticket"))
		if r.Statuses[200] != r.Requests || w.Odd() != "" {
			t.Fatalf("%+v %s", r, w.Odd())
		}
		for _, serial := range w.Serials() {
			again[serial] = true
		}
		return len(again) == total
	})
	t.Logf("it held %d; all were sold again after %v", held.Leased, time.Since(died).Round(time.Millisecond))
	if a := redis.audit(t, "ticket"); a.Limbo > 0 {
		t.Errorf("%+v", a)
	}
}

// Redis stands still in full sale. Buyers hear 503 or win a leased unit, and never hear "sold out". Then every unit is sold
// once.
// It proves G21.
func TestRedisStandsStill(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "60000", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 16, URLs: []string{edge.buyURL("ticket")}})
	eventually(t, patience, "it sells", func() bool { return w.Count(rigtest.Won) > 5_000 })
	pid := redis.pid(t)
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	time.Sleep(7 * time.Second)
	none := w.Count(rigtest.SoldOut, rigtest.NoneNow)
	_ = syscall.Kill(pid, syscall.SIGCONT)
	stop()
	if none > 0 {
		t.Errorf("%d heard \"sold out\"", none)
	}
	if odd := w.Odd(); odd != "" {
		t.Errorf("while Redis stood still: %s", odd)
	}
	if w.Count(rigtest.Won) >= 60_000 {
		t.Fatal("all was sold before")
	}
	sold, late := w.Count(rigtest.Won), map[uint64]bool{}
	eventually(t, patience, "the rest is sold", func() bool {
		more, _ := rigtest.CrowdAnyway(t, 20_000, 16, edge.buyURL("ticket"))
		for _, serial := range more.Serials() {
			if late[serial] || w.Has(serial) {
				t.Fatalf("serial %d twice", serial)
			}
			late[serial] = true
		}
		sold += more.Count(rigtest.Won)
		return sold >= 60_000-16
	})
	if a := redis.audit(t, "ticket"); a.Total != a.Pending+a.Free || a.Pending < uint64(sold) {
		t.Errorf("%d told, %+v", sold, a)
	}
}

// SIGTERM in full sale: the ledger has every told win, and no lease is left.
// It proves G7.
func TestStopInFullSale(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000000", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 32, URLs: []string{edge.buyURL("ticket")}})
	eventually(t, patience, "it sells", func() bool { return w.Count(rigtest.Won) > 5_000 })
	edge.stop(t)
	stop()
	a := redis.audit(t, "ticket")
	t.Logf("%d told, %d pending", w.Count(rigtest.Won), a.Pending)
	if uint64(w.Count(rigtest.Won)) > a.Pending || a.Pending-uint64(w.Count(rigtest.Won)) > 2 || a.Leased+a.Limbo > 0 {
		t.Errorf("%d told, %+v", w.Count(rigtest.Won), a)
	}
}
