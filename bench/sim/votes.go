package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// A replica may be gone for long. Once a majority of the Sentinels says that it will not be promoted, nobody waits for it any
// more. The vote takes time, and meanwhile other replicas come and go.

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
func (f *follower) given() bool { return f.cut > f.w.now && f.w.now-f.since > int64(pardon) }

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
				s.loseMore()
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

// loseMore cuts off a replica that was well when the Sentinels voted. Its primary may die soon after.
func (s *server) loseMore() {
	w := s.w
	if here := s.online(); len(here) > 0 {
		here[w.rng.IntN(len(here))].lag(2*time.Second + w.upTo(4*time.Second))
	}
	if w.chance(0.7) && w.fates.crashes {
		w.after(500*time.Millisecond+w.upTo(1500*time.Millisecond), w.crash)
	}
}

// goesLong makes a replica be away for longer than is forgiven.
func (w *world) goesLong() {
	if fs := w.primary.followers; !w.healed && len(fs) > 0 {
		fs[w.rng.IntN(len(fs))].lag(pardon + w.upTo(12*time.Second))
	}
}
