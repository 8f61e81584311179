//go:build chaos

package chaos

import (
	"slices"
	"testing"
	"time"
)

// A sale with a limit per buyer, whose buyers send keys and ask at any edge until they have an answer. An edge is killed, the
// primary dies and another is promoted, and the primary of that time is killed and comes back at once on its file, in an order
// that the seed picks. Nobody gets more than the limit, no key has two answers, and no right is burnt.
// It proves G37.
func TestKnownBuyersOfALimitedSale(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		s.limit, s.mark = 1+s.rnd.IntN(3), s.between(0.08, 0.30)
		redis := NewReplicated(s.t, s.dir)
		s.open(redis.URL(), redis.URL())
		faults := []func(){s.edgeDies, func() { s.primaryDies(redis) }, func() { s.primaryRestarts(redis) }}
		s.rnd.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		s.strike(faults[0])
		for _, fault := range faults[1:] {
			s.sells(5, patient)
			s.pause(0, time.Second)
			fault()
		}
		s.evidence(s.crowd.Sold() < 0.95, "%.1f %% were sold when the last fault came", 100*s.crowd.Sold())
		s.finish(2 * s.healing())
		s.recount()
		s.logKeys()
	})
}

// edgeDies kills an edge. It comes back a little later.
func (s *shop) edgeDies() {
	edge := s.victim()
	s.note("an edge dies")
	edge.End()
	s.pause(0, time.Second)
	edge.Start()
}

// primaryDies kills the primary until another is promoted.
func (s *shop) primaryDies(redis *Replicated) {
	old := redis.Primary()
	s.note("the primary dies")
	old.End()
	redis.Promoted(old)
	s.pause(0, 2*time.Second)
	old.Start()
}

// primaryRestarts kills the primary, which comes back at once. If the Sentinels promote another meanwhile, it becomes a replica.
func (s *shop) primaryRestarts(redis *Replicated) {
	old := redis.Primary()
	s.note("the primary dies, and comes back at once")
	old.End()
	old.startsAsPrimary()
	old.Start()
}

// startsAsPrimary makes a server that was promoted start as a primary, as a Sentinel writes it into a configuration file.
func (n *Node) startsAsPrimary() {
	if at := slices.Index(n.Args, "--replicaof"); at >= 0 {
		n.Args = slices.Delete(slices.Clone(n.Args), at, at+3)
	}
}

func (s *shop) note(what string) {
	s.t.Logf("%s, at %.1f %% sold: %s", seconds(s.crowd.History.Now()), 100*s.crowd.Sold(), what)
}

// logKeys logs the answers to the known buyers, and ends a run in which too little went on to prove anything.
func (s *shop) logKeys() {
	s.t.Helper()
	var again, limit, late int
	lost := map[string]bool{}
	for _, op := range s.crowd.History.Ops() {
		switch {
		case op.Kind == Again:
			again++
		case op.Word == OverLimit:
			limit++
		case op.Kind == Buy && op.Word == Unknown:
			lost[op.Key] = true
		}
	}
	for _, op := range s.crowd.History.Ops() {
		if op.Kind == Buy && op.Word == Won && lost[op.Key] {
			late++
		}
	}
	s.t.Logf("limit %d: %d repeats of answers, %d times over the limit, %d wins after a try without an answer", s.limit, again,
		limit, late)
	s.valid = again > 0 && limit > 0 && late > 0
	s.evidence(s.valid, "no repeats, no limits or no lost answers")
}
