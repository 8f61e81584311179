//go:build e2e

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"spike/bench/rig/rigtest"
)

// Accidents of a ring file, and the edges that may use it.

// rings returns the ring files in a directory.
func rings(t testing.TB, data string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "*.ring"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// P1: a second edge on a copy of a living edge's directory settles the claims that it finds there. It sells no unit that the
// first edge may have sold.
func TestP1CopyOfALivingRingProvesNothing(t *testing.T) {
	t.Parallel()
	runs := 3
	if long() {
		runs = 20
	}
	for range runs {
		redis := startRedis(t)
		redis.hmset(t, "ticket", "60000")
		data, copied := t.TempDir(), filepath.Join(t.TempDir(), "d2")
		first := startEdge(t, "--redis", redis.addr, "--data", data)
		w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 16, URLs: []string{first.buyURL("ticket")}})
		eventually(t, patience, "some are sold", func() bool { return w.Count(rigtest.Won) > 5_000 && len(rings(t, data)) > 0 })
		if out, err := exec.Command("cp", "-a", data, copied).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var was []string
		for _, ring := range rings(t, copied) {
			was = append(was, filepath.Base(ring))
		}
		second := startEdge(t, "--redis", redis.addr, "--data", copied)
		others, _ := rigtest.CrowdAnyway(t, 40_000, 16, second.buyURL("ticket"))
		eventually(t, patience, "all is sold", func() bool {
			a := redis.audit(t, "ticket")
			return a.Pending == a.Total
		})
		stop()
		twice := append(w.Twice(), others.Twice()...)
		twice = append(twice, slices.DeleteFunc(others.Serials(), func(serial uint64) bool { return !w.Has(serial) })...)
		told := w.Count(rigtest.Won) + others.Count(rigtest.Won)
		lost := 16 + w.Count(rigtest.Undecided) + others.Count(rigtest.Undecided) // answers that the end cut off, and answers "unknown"
		t.Logf("%d and %d won", w.Count(rigtest.Won), others.Count(rigtest.Won))
		if len(twice) > 0 || others.Count(rigtest.Won) == 0 || told > 60_000 || told < 60_000-lost {
			t.Fatalf("sold twice: %v; %d told, %d may be lost", twice, told, lost)
		}
		eventually(t, patience, "the copy is settled", func() bool {
			return !slices.ContainsFunc(rings(t, copied), func(ring string) bool { return slices.Contains(was, filepath.Base(ring)) })
		})
		first.stop(t)
		second.stop(t)
	}
}

// P1: without the file `lock`, a second edge must still be kept out.
func TestP1RemovedLockDoesNotLetAnotherIn(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "ticket", "1000")
	data := t.TempDir()
	edge := startEdge(t, "--redis", redis.addr, "--data", data)
	rigtest.Crowd(t, 10, 1, edge.buyURL("ticket"))
	if err := os.Remove(filepath.Join(data, "lock")); err != nil {
		t.Fatal(err)
	}
	errs, code := spikeFor(t, "serve", "--listen", "127.0.0.1:0", "--admin", "", "--redis", redis.addr,
		"--data", data)
	if code != 2 || !strings.Contains(errs, "another edge has it") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// spikeFor runs a command that should refuse to start, and ends it if it has not: exit code -1.
func spikeFor(t testing.TB, args ...string) (stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), args...)
	errs := &bytes.Buffer{}
	cmd.Stderr = errs
	_ = cmd.Run()
	return errs.String(), cmd.ProcessState.ExitCode()
}

// unsettled makes an edge die with wins that Redis has not heard of. It returns how many.
func unsettled(t testing.TB, redis redisServer, data string) (wins int) {
	t.Helper()
	edge := startEdge(t, "--redis", redis.addr, "--data", data)
	w, _ := rigtest.Crowd(t, 20, 1, edge.buyURL("ticket"))
	eventually(t, patience, "settled", func() bool { return redis.audit(t, "ticket").Pending == 20 })
	pid := redis.pid(t)
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	more, _ := rigtest.CrowdAnyway(t, 10, 1, edge.buyURL("ticket"))
	edge.die()
	_ = syscall.Kill(pid, syscall.SIGCONT)
	if more.Count(rigtest.Won) == 0 {
		t.Fatal("nothing was sold while Redis stood still")
	}
	return w.Count(rigtest.Won) + more.Count(rigtest.Won)
}

// P14: an edge with rings of another store does not start, and leaves the rings for the right store.
func TestP14RingsOfAnotherStoreAreRefused(t *testing.T) {
	t.Parallel()
	redis, wrong := startRedis(t), startRedis(t)
	redis.hmset(t, "ticket", "1000")
	data := t.TempDir()
	wins := unsettled(t, redis, data)
	left := rings(t, data)
	errs, code := spikeFor(t, "serve", "--listen", "127.0.0.1:0", "--admin", "", "--redis", wrong.addr,
		"--data", data)
	if code != 2 || len(left) != 1 || !strings.Contains(errs, left[0]) || !strings.Contains(errs, "move the file") {
		t.Errorf("exit %d: %s", code, errs)
	}
	startEdge(t, "--redis", redis.addr, "--data", data)
	eventually(t, patience, "all wins are in the ledger", func() bool { return redis.audit(t, "ticket").Pending == uint64(wins) })
	redis.audit(t, "ticket")
}

// P15: a ring file is truncated under its edge. Only that sale stops, and only for a moment.
func TestP15TruncatedRingEndsNoProcess(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "cut", "100000")
	redis.hmset(t, "whole", "100000")
	data := t.TempDir()
	edge := startEdge(t, "--redis", redis.addr, "--data", data)
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 8, URLs: []string{edge.buyURL("cut"), edge.buyURL("whole")}})
	eventually(t, patience, "both sell", func() bool { return w.Count(rigtest.Won) > 2_000 && len(rings(t, data)) == 2 })
	for _, path := range rings(t, data) {
		if strings.HasPrefix(filepath.Base(path), "cut-") {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	had := w.Count(rigtest.Won)
	eventually(t, patience, "it sells on", func() bool { return w.Count(rigtest.Won) > had+2_000 })
	eventually(t, patience, "both have rings", func() bool { return len(rings(t, data)) == 2 })
	stop()
	eventually(t, patience, "the cut sale is open again", func() bool {
		status, _, _ := get(t, "POST", edge.buyURL("cut"))
		return status == 200
	})
	for sale, n := range map[string]int64{"whole": 200, "cut": 200} {
		rigtest.Crowd(t, n, 4, edge.buyURL(sale))
	}
	edge.stop(t)
	if !regexp.MustCompile(`"?file"?[=:]"?[^ ]*cut-\d+`).MatchString(edge.Output()) {
		t.Error("the log does not name the file")
	}
	if odd := w.Odd(); odd != "" {
		t.Error(odd)
	}
}

// deafLine is a way to Redis. On each connection it drops the first offer under a key, and all bytes after it.
func deafLine(t testing.TB, redis string) (addr string, heard *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", rigtest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	heard = &atomic.Int64{}
	offer := regexp.MustCompile(`(?s)\$17\r\nk.{4,16}\r\n\$44\r\n`) // 16 bytes of a key, which may happen to be fewer runes
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				up, err := net.Dial("tcp", redis)
				if err != nil {
					return
				}
				defer func() { _ = up.Close() }()
				go func() { _, _ = io.Copy(c, up) }()
				buf := make([]byte, 64<<10)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if offer.Match(buf[:n]) {
						heard.Add(1)
						_, _ = io.Copy(io.Discard, c)
						return
					}
					if _, err = up.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), heard
}

// P10: an offer's Deduct never arrives, and the edge dies. After the edge has come back, the key gets the offered unit and
// buys no other.
func TestP10OfferGoesWithItsKey(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "ticket", "12")
	line, heard := deafLine(t, redis.addr)
	data := t.TempDir()
	edge := startEdge(t, "--redis", line, "--data", data)
	w, _ := rigtest.Crowd(t, 1, 1, edge.buyURL("ticket"))
	told := w.Count(rigtest.Won)
	for range 10 { // until the edge has all units that are left
		if redis.audit(t, "ticket").Free == 0 {
			break
		}
		more, _ := rigtest.Crowd(t, 1, 1, edge.buyURL("ticket"))
		told += more.Count(rigtest.Won)
	}
	const key = "0123456789abcdef0123456789"
	done := make(chan struct{})
	go func() {
		defer close(done)
		q, _ := http.NewRequest(http.MethodPost, "http://"+edge.addr+"/v1/sales/ticket/reservations", nil)
		q.Header.Set("Idempotency-Key", key)
		if r, err := http.DefaultClient.Do(q); err == nil {
			_ = r.Body.Close()
		}
	}()
	eventually(t, patience, "the offer is on its way", func() bool { return heard.Load() > 0 })
	edge.die()
	<-done
	again := startEdge(t, "--redis", redis.addr, "--data", data)
	eventually(t, patience, "the ring is settled", func() bool { return len(rings(t, data)) == 0 })
	pending := redis.audit(t, "ticket").Pending
	var serials []uint64
	for range 3 {
		heard := again.reserve(t, "ticket", key)
		if heard.Word() != rigtest.Won {
			t.Fatal(heard)
		}
		serials = append(serials, rigtest.Bought(heard).Serial)
	}
	a := redis.audit(t, "ticket")
	if a.Pending != uint64(told+1) || pending != a.Pending || serials[0] != serials[1] || serials[1] != serials[2] {
		t.Errorf("%d told and one key: %d pending before it asked again, %+v; it heard %v", told, pending, a, serials)
	}
}
