package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// Votes: a replica that is gone for long is waited for no more once a majority of the Sentinels says that it will not be
// promoted. They take their time, and meanwhile others come and go.

const (
	pardon   = 2500 * time.Millisecond // a replica without its primary for longer is not promoted
	askAfter = 2 * time.Second         // an answer that replicas do not have, before anybody asks the Sentinels
	voteIn   = 2500 * time.Millisecond // they answer
)

// joins is how often anybody has begun to follow.
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

// lineup is lineup() of server.lua.
func (s *server) lineup() string {
	var here []string
	for _, f := range s.onlineNow() {
		here = append(here, fmt.Sprint(f.s.id))
	}
	return fmt.Sprintf("%s#%d", strings.Join(here, ","), s.joins())
}

// given says that the Sentinels would not promote it.
func (f *follower) given() bool { return f.cut > f.w.now && f.w.now-f.since > int64(pardon) }

// promotable is whom the Sentinels would promote; but for who came, and was gone again before any script ran: nobody could
// wait for it, which is a named residue.
func (w *world) promotable(fs []*follower) []*follower {
	return slices.DeleteFunc(slices.Clone(fs), func(f *follower) bool {
		late := f.given() || f.cut <= w.now && f.cut > w.now-int64(5*time.Millisecond) // what it missed is on its way
		return w.fates.votes && late || !f.seen && f.cut > w.now
	})
}

// recount is Redis.recount, after an answer that not all replicas have.
func (w *world) recount(s *server) {
	if !w.fates.votes || w.asking || w.healed {
		return
	}
	w.asking = true
	w.after(askAfter, func() {
		era, lineup := s.era, s.lineup()
		here := s.onlineNow()
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

func (s *server) onlineNow() (list []*follower) {
	for _, f := range s.followers {
		if f.cut <= s.w.now {
			list = append(list, f)
		}
	}
	return list
}

// vouched says that no replica is well but those named, and that each other one is given up.
func (s *server) vouched(here []*follower) bool {
	return !slices.ContainsFunc(s.followers, func(f *follower) bool {
		return !f.given() && (f.cut > s.w.now || !slices.Contains(here, f))
	})
}

// loseMore cuts off a replica that was well when the Sentinels voted, and maybe its primary dies soon after.
func (s *server) loseMore() {
	w := s.w
	if here := s.onlineNow(); len(here) > 0 {
		here[w.rng.IntN(len(here))].lag(2*time.Second + w.upTo(4*time.Second))
	}
	if w.chance(0.7) && w.fates.crashes {
		w.after(500*time.Millisecond+w.upTo(1500*time.Millisecond), w.crash)
	}
}

// goesLong is a replica that is gone for longer than it is forgiven.
func (w *world) goesLong() {
	if fs := w.primary.followers; !w.healed && len(fs) > 0 {
		fs[w.rng.IntN(len(fs))].lag(pardon + w.upTo(12*time.Second))
	}
}
