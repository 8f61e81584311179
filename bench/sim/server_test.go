package sim

import (
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// bare is a world with a store and nothing else.
func bare(s store) *world {
	w := newWorld(1, "", false)
	w.fates.store, w.fates.crashes = s, false
	w.servers, w.hosts, w.edges, w.agenda = nil, nil, nil, nil
	w.openStore()
	return w
}

func (w *world) lease(request uint64) *entry {
	_, e, _ := w.primary.execute(ledger.LeaseRequest{Party: ledger.Party{Instance: "i"}, Request: request,
		Want: 1, Term: time.Second})
	return e
}

// A log gives its ledger again. A promoted replica and a restart depend on this.
func TestALogIsItsLedger(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorld(seed, "", false)
		if wrong := w.live().Wrong; wrong != "" {
			t.Fatal(wrong)
		}
		again := w.newTwin()
		for _, e := range w.primary.log {
			_, _ = e.run(again)
		}
		if got, want := again.Last(), w.primary.twin.Last(); got != want {
			t.Errorf("seed %d: %+v, and it was %+v", seed, got, want)
		}
		if a := again.Audit(saleName); !a.OK {
			t.Errorf("seed %d: %v", seed, a.Violations)
		}
	}
}

func TestWaitIsForEveryReplica(t *testing.T) {
	for _, c := range []struct {
		name string
		lag  time.Duration // of one of the replicas
		ok   bool
		by   time.Duration
	}{
		{"both hear", 0, true, 10 * time.Millisecond},
		{"one is late", 200 * time.Millisecond, true, 210 * time.Millisecond},
		{"one is too late", time.Second, false, waitTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := bare(replicas)
			e := w.lease(1)
			w.primary.followers[1].lag(c.lag)
			var heard, ok bool
			w.primary.wait(e, 2, func(good bool) { heard, ok = true, good })
			if heard {
				t.Error("before anybody could have heard")
			}
			w.until(w.now+int64(c.by), nil)
			if !heard || ok != c.ok {
				t.Errorf("heard %v, ok %v", heard, ok)
			}
		})
	}
}

// A fail-over loses the scripts that the promoted replica has not heard, and the wait for it fails. Later scripts of the old
// primary do not count.
func TestFailOverLosesWhatWasNotHeard(t *testing.T) {
	w := bare(replica)
	first := w.lease(1)
	w.until(w.now+int64(time.Second), nil)
	w.primary.followers[0].lag(time.Minute)
	second, old := w.lease(2), w.primary
	waited := true
	old.wait(second, 1, func(ok bool) { waited = ok })
	w.failOver(time.Second, 0.3)
	_, third, _ := old.execute(expire{1})
	w.until(w.now+int64(time.Second), nil)
	s := w.primary
	if s == old || !s.has(first) || s.has(second) || s.has(third) || waited {
		t.Errorf("has %v %v %v, waited %v", s.has(first), s.has(second), s.has(third), waited)
	}
}

func TestACrashKeepsWhatTheDiskHas(t *testing.T) {
	for kind, kept := range map[store]int{fsynced: 2, lossy: 1} {
		w := bare(kind)
		w.lease(1)
		w.until(w.now+int64(2*time.Second), nil)
		w.lease(2)
		w.primary.crash(time.Second, time.Second, false)
		if w.primary.up {
			t.Error("a dead server takes calls")
		}
		w.until(w.now+int64(time.Second), nil)
		if !w.primary.up || len(w.primary.log) != kept || w.primary.era != 3 {
			t.Errorf("%v: up %v, %d scripts, era %d", kind, w.primary.up, len(w.primary.log), w.primary.era)
		}
	}
}
