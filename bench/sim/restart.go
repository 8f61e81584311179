package sim

import (
	"slices"
	"time"
)

// A server comes back with its file, an older file, or a backup. Its clock may be wrong.

// crash kills a server, which comes back from its file after a while. It loses the end of its log, unless the disk has it. A
// backup loses it in any case.
func (s *server) crash(tail, down time.Duration, backup bool) {
	w, kept := s.w, len(s.log)
	w.moved = w.now
	if !s.synced || backup {
		kept -= len(s.since(tail))
	}
	if backup {
		w.backups++
		w.calmUntil = max(w.calmUntil, w.now+int64(down)) // an edge that can prove it must live on
	}
	w.check.ledgerNow()
	if backup || w.fates.store >= replica { // the last copy of the scripts that were waited for
		w.check.undone(s.log[kept:])
	}
	s.up, s.followers = false, nil
	w.tell("Redis %d dies for %v, and loses %d scripts, backup %v", s.id, down, len(s.log)-kept, backup)
	w.after(down, func() {
		w.moves++
		if backup && !w.witnessed(s.log[kept:]) { // the edge that could have proved it has died meanwhile
			kept = len(s.log)
		}
		s.setClock()
		s.begin(slices.Clone(s.log[:kept]))
		s.starts()
		s.up = true
		if backup {
			w.calm()
		}
		w.history(s)
		w.cutAgain(s)
		w.latePayers(s)
	})
}

// since returns the entries of the last while.
func (s *server) since(tail time.Duration) []*entry {
	k := len(s.log)
	for k > 0 && s.log[k-1].when > s.w.now-int64(tail) {
		k--
	}
	return s.log[k:]
}

// setClock sets a machine's clock wrong at a start. In half of these cases it is corrected later.
func (s *server) setClock() {
	if !s.w.fates.jumps || s.w.healed || s.w.chance(0.5) {
		return
	}
	was := s.skew
	s.w.moves += 2
	s.skew += int64(s.w.upTo(2*time.Hour) - time.Hour)
	s.w.tell("its clock is set by %v", time.Duration(s.skew-was))
	if s.w.chance(0.5) {
		s.w.after(s.w.upTo(time.Second), func() {
			s.skew = was
			if s.w.healed { // from then on no clock may be behind
				s.skew = max(was, 0)
			}
			s.w.tell("the clock of Redis %d is right again", s.id)
		})
	}
}

// allDie kills a primary and its replicas together. The primary comes back alone, with its file.
func (w *world) allDie(tail, down time.Duration) {
	s := w.primary
	others := s.followers
	w.tell("Redis %d dies with its %d replicas", s.id, len(others))
	s.crash(tail, down, false)
	for _, f := range others {
		w.resync(f.s, down+w.upTo(3*time.Second))
	}
}

// calm is needed after a backup, so that every living edge that acted on more can say so in time: each wakes, and soon has a
// way to the store.
func (w *world) calm() {
	w.outage = 0
	w.calmUntil = w.now + int64(w.bounds.Proof+time.Second)
	for _, h := range w.hosts {
		h.cut = 0
		if !w.chance(0.5) { // the others come at once
			h.cut = w.now + int64(w.upTo(lateComer))
		}
		h.edge.resume()
	}
}

// lateComer is how late a way to the store may come back. A look, and a call that fails before, take time besides.
const lateComer = 2500 * time.Millisecond

// undone makes the answers of lost scripts no longer durable: an older file was put back, or every copy of them died.
func (c *checks) undone(lost []*entry) {
	for _, e := range lost {
		e.undone = true
	}
	for _, p := range c.order {
		p.keptFor = p.keptFor && !p.kept.undone
		p.paidFor = p.paidFor && !p.paid.undone
	}
}

// lasts says whether an answer survives its server, by I5.
func (a answer) lasts() bool { return a.durable && !a.entry.undone }

// witnessed says whether a living edge has acted on one of these scripts. Then it can prove that they are lost.
func (w *world) witnessed(lost []*entry) bool {
	return slices.ContainsFunc(lost, func(e *entry) bool { return e.heard && w.alive(traitOf(e.call).actor) })
}

func (w *world) alive(instance string) bool {
	return slices.ContainsFunc(w.edges, func(e *edge) bool { return e.name == instance && !e.gone && !e.ending })
}
