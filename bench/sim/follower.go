package sim

import (
	"math"
	"slices"
	"time"

	"spike/luascripts/memory"
)

// follower is a replica. It begins with all that its primary has, and hears of the rest in order, a little later.
type follower struct {
	s      *server // the server, in case it is promoted
	w      *world
	from   int64
	heard  []int64 // when it hears of each later entry
	got    int     // how many of them it had at the last look
	cut    int64   // it hears nothing until then
	since  int64   // and since then
	joined int     // how often it came back before that
	seen   bool    // a script has seen it, so it counts
}

// follow makes a server a replica of this one.
func (s *server) follow(other *server) {
	s.came++
	s.followers = append(s.followers, &follower{s: other, w: s.w, from: int64(len(s.log))})
}

// online returns the connected replicas.
func (s *server) online() (list []*follower) {
	for _, f := range s.followers {
		if f.cut <= s.w.now {
			list = append(list, f)
		}
	}
	return list
}

// hear plans the arrival of the newest entry.
func (f *follower) hear() {
	at := max(f.w.now, f.cut) + int64(f.w.upTo(time.Millisecond))
	if n := len(f.heard); n > 0 {
		at = max(at, f.heard[n-1])
	}
	f.heard = append(f.heard, at)
}

// has is how many entries have arrived.
func (f *follower) has() int64 {
	for f.got < len(f.heard) && f.heard[f.got] <= f.w.now {
		f.got++
	}
	return f.from + int64(f.got)
}

// lag cuts the connection for a while. 0: the connection is whole again.
func (f *follower) lag(d time.Duration) {
	now := f.w.now
	f.w.tell("Redis %d hears nothing from its primary for %v", f.s.id, d)
	rest := f.heard[f.has()-f.from:]
	if d == 0 {
		f.cut = min(f.cut, now)
		for i := range rest {
			rest[i] = min(rest[i], now)
		}
		return
	}
	if f.cut <= now {
		f.since = now
		if f.cut > 0 {
			f.joined++
		}
	}
	f.cut = max(f.cut, now+int64(d))
	for i := range rest {
		rest[i] = max(rest[i], f.cut)
	}
}

// ackedAt is when n replicas will have an entry, if nothing changes.
func (s *server) ackedAt(e *entry, n uint64) int64 {
	if !s.has(e) { // the server has come back without the entry, so the connection is gone
		return math.MaxInt64
	}
	var all []int64
	for _, f := range s.followers {
		at := int64(0)
		if e.at >= f.from {
			at = f.heard[e.at-f.from]
		}
		all = append(all, at)
	}
	if uint64(len(all)) < n {
		return math.MaxInt64
	}
	slices.Sort(all)
	return all[n-1]
}

// waitTimeout is how long WAIT waits.
const waitTimeout = 500 * time.Millisecond

// wait is WAIT n after the script, on the same connection.
func (s *server) wait(e *entry, n uint64, then func(ok bool)) {
	if n == 0 {
		then(true)
		return
	}
	s.waitUntil(e, n, s.w.now+int64(waitTimeout), then)
}

func (s *server) waitUntil(e *entry, n uint64, end int64, then func(ok bool)) {
	at := s.ackedAt(e, n)
	switch now := s.w.now; {
	case s.came != e.came && !s.w.lacks(waitAnyone):
		then(false)
	case at <= now:
		then(true)
	case now >= end:
		then(false)
	default:
		s.w.after(time.Duration(min(at, end)-now), func() { s.waitUntil(e, n, end, then) })
	}
}

// failOver promotes the replica with the longest log. The old primary may go on for a while, for the edges that still talk to
// it.
func (w *world) failOver(split time.Duration) {
	old := w.primary
	able := w.promotable(old.followers)
	if len(able) == 0 {
		return
	}
	best := slices.MaxFunc(able, func(a, b *follower) int { return int(a.has() - b.has()) })
	has := best.has()
	w.check.ledgerNow()
	w.tell("Redis %d is promoted with %d of %d scripts; %d goes on for %v", best.s.id, has, len(old.log), old.id, split)
	s, others := best.s, old.followers
	old.came = old.joins()
	old.followers, old.up = nil, split > 0
	w.primary, s.up, s.followers = s, true, nil
	s.fed, s.followed = memory.WasFed, old.era
	w.moves++
	s.begin(slices.Clone(old.log[:has]))
	for _, f := range others {
		if f != best {
			w.resync(f.s, w.upTo(2*time.Second))
		}
	}
	if split > 0 && w.chance(0.5) {
		w.after(w.upTo(split/2), func() { w.joinsDeposed(old) })
	}
	w.after(split, func() {
		old.up, old.followers = false, nil
		w.resync(old, w.upTo(3*time.Second))
	})
	w.history(s)
	for _, h := range w.hosts {
		turns := w.upTo(2 * time.Second)
		if w.chance(w.fates.strays()) { // it stays on the old primary's side of the network
			turns += split
		}
		w.after(turns, func() { h.turn(w.primary) })
	}
}

// joinsDeposed makes a newcomer follow a primary that has been deposed and goes on. It acknowledges what the new primary never
// has.
func (w *world) joinsDeposed(old *server) {
	if w.primary != old && old.up {
		s := w.newServer()
		w.tell("Redis %d follows %d, which is deposed", s.id, old.id)
		old.follow(s)
	}
}

// resync makes a server, some time later, a replica of the primary of that time.
func (w *world) resync(s *server, d time.Duration) {
	w.after(d, func() {
		if s == w.primary || !w.primary.up {
			w.resync(s, time.Second)
			return
		}
		w.tell("Redis %d follows %d", s.id, w.primary.id)
		w.primary.follow(s)
	})
}
