package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// follower is a replica. It begins with all that its primary has, and hears of the rest in order, a little later.
type follower struct {
	s      *server // the server, in case it is promoted
	from   int64
	heard  []int64 // when it hears of each later entry
	cut    int64   // it hears nothing until then
	since  int64   // and since then
	joined int     // how often it came back before that
	seen   bool    // a script has seen it, so it counts
}

// follow makes a server a replica of this one.
func (s *server) follow(other *server) {
	s.came++
	s.followers = append(s.followers, &follower{s: other, from: int64(len(s.log))})
}

// online returns the connected replicas.
func (s *server) online() []*follower {
	return slices.DeleteFunc(slices.Clone(s.followers), func(f *follower) bool { return f.cut > s.w.now })
}

// hear plans the arrival of the newest entry.
func (f *follower) hear() {
	at := max(f.s.w.now, f.cut) + int64(f.s.w.upTo(time.Millisecond))
	if n := len(f.heard); n > 0 {
		at = max(at, f.heard[n-1])
	}
	f.heard = append(f.heard, at)
}

// has is how many entries have arrived.
func (f *follower) has() int64 {
	n, _ := slices.BinarySearch(f.heard, f.s.w.now+1)
	return f.from + int64(n)
}

// lag cuts the connection for a while. 0: the connection is whole again.
func (f *follower) lag(d time.Duration) {
	now := f.s.w.now
	f.s.w.tell("Redis %d hears nothing from its primary for %v", f.s.id, d)
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
	if !s.has(e) || uint64(len(s.followers)) < n { // a server that has come back without the entry has lost the connection
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
	slices.Sort(all)
	return all[n-1]
}

const waitTimeout = 500 * time.Millisecond

// wait is WAIT n after the script, on the same connection.
func (s *server) wait(e *entry, n uint64, then func(ok bool)) {
	if n == 0 {
		then(true)
		return
	}
	end := s.w.now + int64(waitTimeout)
	var look func()
	look = func() {
		at, now := s.ackedAt(e, n), s.w.now
		switch {
		case s.came != e.came && !s.w.lacks("wait-anyone"), at > now && now >= end:
			then(false)
		case at <= now:
			then(true)
		default:
			s.w.after(time.Duration(min(at, end)-now), look)
		}
	}
	look()
}

// failOver promotes the replica with the longest log. The old primary may go on for a while, for edges that still talk to it: a
// share of the hosts is on its side of the network.
func (w *world) failOver(split time.Duration, stays float64) {
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
	s.fed, s.followed, s.promoted = memory.WasFed, old.era, int(has)
	w.moves++
	s.begin(slices.Clone(old.log[:has]))
	for _, f := range others {
		if f != best {
			w.resync(f.s, w.upTo(2*time.Second))
		}
	}
	if split > 0 && w.chance(0.5) { // a newcomer acknowledges what the new primary never has
		w.after(w.upTo(split/2), func() {
			if w.primary != old && old.up {
				s := w.newServer()
				w.tell("Redis %d follows %d, which is deposed", s.id, old.id)
				old.follow(s)
			}
		})
	}
	w.after(split, func() {
		old.up, old.followers = false, nil
		w.resync(old, w.upTo(3*time.Second))
	})
	w.history(s)
	for _, h := range w.hosts {
		turns := w.upTo(2 * time.Second)
		if w.chance(stays) {
			turns += split
		}
		w.after(turns, func() { h.turn(w.primary) })
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

// Once a majority of the Sentinels says that a replica will not be promoted, nobody waits for it any more. The vote takes time,
// and meanwhile other replicas come and go.
const (
	pardon   = 2500 * time.Millisecond // a replica that is longer without its primary is not promoted
	askAfter = 2 * time.Second         // how long an answer lacks replicas before anybody asks the Sentinels
	voteIn   = 2500 * time.Millisecond // how long their answer takes
)

// joins is how often any replica has begun to follow.
func (s *server) joins() int {
	n := s.came
	for _, f := range s.followers {
		n += f.joined
		if f.cut > 0 && f.cut <= s.w.now {
			n++
		}
	}
	return n
}

// lineup does what lineup() of server.lua does.
func (s *server) lineup() string {
	return fmt.Sprintf("%s#%d", namesOf(s.online(), ","), s.joins())
}

func namesOf(fs []*follower, between string) string {
	var names []string
	for _, f := range fs {
		names = append(names, strconv.FormatUint(f.s.id, 10))
	}
	return strings.Join(names, between)
}

// given says whether the Sentinels would not promote the replica.
func (f *follower) given() bool { return f.cut > f.s.w.now && f.s.w.now-f.since > int64(pardon) }

// promotable returns the replicas that the Sentinels would promote. It leaves out a replica that came and went before any
// script ran: nobody could wait for it, which is a named loss window.
func (w *world) promotable(fs []*follower) []*follower {
	return slices.DeleteFunc(slices.Clone(fs), func(f *follower) bool {
		late := f.given() || f.cut <= w.now && f.cut > w.now-int64(5*time.Millisecond) // the scripts it missed are still on the way
		return w.fates.votes && late || !f.seen && f.cut > w.now
	})
}

// recount does what Redis.recount does, after an answer that some replicas lack.
func (w *world) recount(s *server) {
	if !w.fates.votes || w.asking || w.healed {
		return
	}
	w.asking = true
	w.after(askAfter, func() {
		era, lineup := s.era, s.lineup()
		here := s.online()
		w.after(w.upTo(voteIn), func() {
			vouched := !w.healed && s == w.primary && s.up && s.vouched(here)
			w.tell("the Sentinels are asked about Redis %d with %s, and vouch: %v", s.id, lineup, vouched)
			if vouched && w.chance(0.5) {
				if here := s.online(); len(here) > 0 { // one that was well at the vote is lost, and perhaps the primary soon after
					here[w.rng.IntN(len(here))].lag(2*time.Second + w.upTo(4*time.Second))
				}
				if w.chance(0.7) && w.fates.crashes {
					w.after(500*time.Millisecond+w.upTo(1500*time.Millisecond), w.crash)
				}
			}
			w.after(w.upTo(500*time.Millisecond), func() {
				w.asking = false
				if vouched && s.up && !w.healed {
					_, _, _ = s.execute(ledger.ReopenRequest{Era: era, Lineup: lineup})
				}
			})
		})
	})
}

// vouched says whether no replica is well but those named, and every other one is given up.
func (s *server) vouched(here []*follower) bool {
	return !slices.ContainsFunc(s.followers, func(f *follower) bool {
		return !f.given() && (f.cut > s.w.now || !slices.Contains(here, f))
	})
}
