//go:build integration

package luascripts

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// failedCalls is how many calls have failed by this cause while f ran, and by any.
func failedCalls(s *Redis, why string, f func()) (so, all uint64) {
	sum := func() (n uint64) {
		for _, of := range s.CallErrors() {
			n += of
		}
		return n
	}
	before, total := s.CallErrors()[why], sum()
	f()
	return s.CallErrors()[why] - before, sum() - total
}

// timed is how many calls of a script were timed.
func timed(s *Redis, script string) (n uint64) {
	for _, of := range s.CallTimes()[script].N {
		n += of
	}
	return n
}

// A call that the server refuses counts under the server's word, and a call that a ledger refuses is no error.
func TestMeterCountsRefusalsByCode(t *testing.T) {
	t.Parallel()
	s := dial(t, rigtest.StartRedis(t, "--replica-serve-stale-data", "yes").Addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	if so, all := failedCalls(s, "", func() {
		if _, err := s.Deduct(bg, w.sale, ledger.DeductRequest{N: ledger.MaxUnits, Nonce: 3}); errors.Is(err, ledger.ErrDown) {
			t.Error(err)
		}
	}); so+all > 0 {
		t.Errorf("a ledger's refusal is counted as an error: %v", s.CallErrors())
	}
	before := timed(s, "deduct")
	command("REPLICAOF", "127.0.0.1", "1")(t, s)
	if so, all := failedCalls(s, "READONLY", func() { _ = w.calls()["deduct"]() }); so != 1 || all != 1 {
		t.Errorf("READONLY %d of %d: %v", so, all, s.CallErrors())
	}
	if n := timed(s, "deduct") - before; n != 1 {
		t.Errorf("%d calls of deduct were timed", n)
	}
}

// While the replica hangs, calls that must have it count as "replicas".
func TestMeterCountsMissingReplicas(t *testing.T) {
	t.Parallel()
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(addr)
	replica := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
	s := dial(t, addr, ledger.DefaultBounds())
	online(t, s, 1)
	w := newBusySale(t, s)
	if _, err := w.granted(2); err != nil {
		t.Fatal(err)
	}
	hangs := pidOf(t, dial(t, replica, ledger.DefaultBounds()))
	if err := syscall.Kill(hangs, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	so, _ := failedCalls(s, causeReplicas, func() {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); { // on a busy machine WAIT itself may come too late
			if _, err := w.another(3); errors.Is(err, ledger.ErrReplicas) {
				return
			}
		}
	})
	if err := syscall.Kill(hangs, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if so == 0 {
		t.Errorf("none: %v", s.CallErrors())
	}
}

// A server that hangs counts as "timeout", and the calls' time is that of their callers.
func TestMeterCountsTimeouts(t *testing.T) {
	t.Parallel()
	s := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	hangs := pidOf(t, s)
	if err := syscall.Kill(hangs, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	so, all := failedCalls(s, causeTimeout, func() { _ = w.calls()["deduct"]() })
	if err := syscall.Kill(hangs, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if so != 1 || all != 1 {
		t.Errorf("timeout %d of %d: %v", so, all, s.CallErrors())
	}
	if took := s.CallTimes()["deduct"].Sum; took < ledger.Timeout/2 {
		t.Errorf("the calls took %v", took)
	}
}
