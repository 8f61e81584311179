//go:build chaos

package chaos

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// P1: the data directory of a living, selling edge is copied, and another edge starts on the copy, on the same machine in the
// same boot. A copy proves nothing: the units of the first edge stay its own.
func TestP1CopiedDataProvesNoDeath(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		redis := s.lone()
		s.create(redis.Addr)
		edge, heir := NewEdge(s.t, s.dir, "edge1", redis.Addr), IdleEdge(s.t, s.dir, "edge2", redis.Addr)
		s.edges = []*Edge{edge}
		s.gather(edge, heir)
		s.strike(func() { s.copied(edge.data(), heir.data()) })
		s.evidence(len(rings(s.t, heir)) > 0, "no ring was copied")
		heir.Start()
		s.edges = append(s.edges, heir)
		if s.rnd.IntN(2) == 0 { // and the first edge dies, and comes back to its own ring
			edge.End()
			s.pause(0, time.Second)
			edge.Start()
		}
		s.finish(s.healing())
	})
}

// P1: the lock beside the rings of a living edge is removed, and another edge starts there. It refuses, and takes nothing
// from the living edge.
func TestP1RemovedLockLetsNobodyIn(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		redis := s.lone()
		s.create(redis.Addr)
		edge := NewEdge(s.t, s.dir, "edge1", redis.Addr)
		heir := IdleEdge(s.t, s.dir, "edge2", redis.Addr, "--data", edge.data())
		s.edges = []*Edge{edge}
		s.gather(edge, heir)
		s.strike(func() {
			if err := os.Remove(filepath.Join(edge.data(), "lock")); err != nil {
				s.t.Fatal(err)
			}
		})
		launch(s.t, heir)
		for end := time.Now().Add(patient); heir.Alive(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				s.t.Error("a second edge is in the directory of one that lives")
				break
			}
		}
		s.finish(s.healing())
	})
}

// rings returns the files of an edge's rings.
func rings(t testing.TB, e *Edge) (files []string) {
	t.Helper()
	err := filepath.WalkDir(e.data(), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// P3: a Redis that writes before it answers is killed. Its file comes from a backup, made when no edge had a lease. An edge
// that has sold since then lives, but its way to Redis is cut for a while; a new edge is there at once. The new edge gets no
// unit before the old edge had time to come.
func TestP3BackupWaitsForAnEdgeThatIsLate(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		s.mark, s.hold = s.between(0.08, 0.20), 4*short
		redis := s.lone()
		wire := NewWire(s.t, redis.Addr)
		s.create(redis.Addr)
		file, backup := filepath.Join(redis.Dir, "appendonlydir"), filepath.Join(s.dir, "backup")
		s.copied(file, backup)
		late, early := NewEdge(s.t, s.dir, "edge1", wire.Addr, s.key()...), IdleEdge(s.t, s.dir, "edge2", redis.Addr, s.key()...)
		s.edges = []*Edge{late}
		s.gather(late, early)
		s.strike(wire.Cut)
		redis.End()
		s.lost = &Loss{}
		s.restored(backup, file)
		redis.Start()
		s.lost.To = s.crowd.History.Now()
		back := time.Now() // nobody has run a script there, so proof begins later
		early.Start()
		s.edges = append(s.edges, early)
		time.Sleep(time.Until(back.Add(s.span(2200*time.Millisecond, 2800*time.Millisecond))))
		wire.Join()
		s.evidence(time.Since(back) < 3500*time.Millisecond, "the way is there again too late for proof, after %v", time.Since(back))
		s.finish(s.healing())
	})
}

// key gives edges a token key that is not lost with Redis.
func (s *shop) key() []string {
	s.t.Helper()
	file := filepath.Join(s.dir, "key")
	if err := os.WriteFile(file, []byte(strings.Repeat("5ec7e7", 11)[:64]+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return []string{"--token-key", file}
}

// P3, without requests to the old edge: it has sold, with a hold or without, and is idle when the old file comes back. It
// comes all the same, and the units that it sold are not sold again.
func TestP3BackupWaitsForAnEdgeThatIsIdle(t *testing.T) {
	try(t, ofCrowdless, func(s *shop) {
		s.units, s.hold = 500, time.Duration(s.rnd.IntN(2))*time.Minute
		redis := s.lone()
		wire := NewWire(s.t, redis.Addr)
		s.create(redis.Addr)
		file, backup := filepath.Join(redis.Dir, "appendonlydir"), filepath.Join(s.dir, "backup")
		s.copied(file, backup)
		old, early := NewEdge(s.t, s.dir, "edge1", wire.Addr), IdleEdge(s.t, s.dir, "edge2", redis.Addr)
		sold := serials{of: map[uint64]bool{}}
		within(s.t, patient, "the edge sells", func() bool { return sold.note(s.ask(old)) && len(sold.of) == 50 })
		within(s.t, patient, "all that was told is settled", func() bool { return s.owned() == len(sold.of) })
		s.pause(0, 2*Lease) // it may have given back by then
		wire.Cut()
		redis.End()
		s.restored(backup, file)
		redis.Start()
		back := time.Now()
		early.Start()
		again := serials{of: map[uint64]bool{}}
		buying := s.during(50*time.Millisecond, func() { again.note(s.ask(early)) })
		time.Sleep(time.Until(back.Add(s.span(1500*time.Millisecond, 2500*time.Millisecond))))
		wire.Join()
		time.Sleep(2*Lease + 2*margin)
		buying()
		maps.DeleteFunc(again.of, func(serial uint64, _ bool) bool { return !sold.of[serial] })
		if n := len(again.of); n > 0 {
			s.t.Errorf("%d units were sold again (hold %v)", n, s.hold)
		}
		s.valid = true
	})
}

// P14: an edge is killed with wins that the ledger does not know. It is started once on another, empty Redis, and then on its
// own again. Its wins are in its ring, and come into the ledger.
func TestP14RingsKeepTheirStore(t *testing.T) {
	try(t, ofCrowdless, func(s *shop) {
		s.hold = time.Minute
		redis, other := s.lone(), NewNode(s.t, s.dir, "other", durable...)
		wire := NewWire(s.t, redis.Addr)
		s.units = 1000
		s.create(redis.Addr)
		edge := NewEdge(s.t, s.dir, "edge1", wire.Addr)
		buyer := s.buyer(edge)
		s.evidence(buyer.prime(50) > 0, "the edge holds nothing")
		wire.Cut()
		s.evidence(buyer.wins(15) > 0, "the edge had nothing to sell")
		edge.End()
		wire.Join()
		wrong := IdleEdge(s.t, s.dir, "elsewhere", other.Addr, "--node", edge.Name, "--data", edge.data())
		launch(s.t, wrong)
		s.pause(11*time.Second, 12*time.Second) // longer than an edge waits before it believes that its sale is gone
		if wrong.Alive() {
			s.t.Error("an edge runs on the rings of another store")
		} else if said := wrong.Output(); !strings.Contains(said, edge.data()) {
			s.t.Errorf("it does not name the rings: %s", said)
		}
		wrong.End()
		edge.Start()
		recorded(s.t, redis.Addr, len(buyer.told))
		s.valid = true
	})
}

// launch starts an edge that may not get ready.
func launch(t testing.TB, e *Edge) {
	t.Helper()
	if err := e.Launch(); err != nil {
		t.Fatal(err)
	}
}
