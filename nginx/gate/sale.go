package gate

import (
	"hash/fnv"
	"strings"
	"time"

	"spike/luascripts"
	"spike/nginx"
)

// sale is what the gate knows of one. All of it is under the Gate's mutex.
type sale struct {
	name  string
	phase time.Duration // when in a slot it is asked about: not all at once

	news  uint64     // grows with every reason to believe no answer that was asked for before (I13)
	flag  nginx.What // "": none
	slots []int64    // of its names
	mark  string     // while it is the same, so is the answer that the flag stands on; "": who knows
	seen  int        // marks that were the same since that answer

	ask    time.Time // when the next question is due
	asked  time.Time // the newest one
	fresh  bool      // asked about since we listen
	failed int       // questions in a row
	sweeps
	index int // in the queue; -1: a call is under way
}

// due is when the next call is.
func (s *sale) due() time.Time {
	if !s.next.IsZero() && s.next.Before(s.ask) {
		return s.next
	}
	return s.ask
}

func newSale(name string) *sale {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return &sale{name: name, index: -1, phase: time.Duration(h.Sum32()%phases) * phaseEvery}
}

// Phases are steps of a slot, so that those asked about in one share a packet or two. The last second and a half is left for
// answers that are slow to come.
const (
	phaseEvery = 50 * time.Millisecond
	phases     = (nginx.SlotSeconds*1000 - 1500) / 50
)

// judge is the flag that an answer of the ledger is good for, where one stands or none (""). Where there is a limit per
// buyer there is no flag: who is over it hears of its own reservation, and only edges know that. A replica that is missing
// takes no flag away, for nothing can be sold without it; but it may be where the sale goes on, so it lets none be set.
func judge(r luascripts.ShowReply, stands nginx.What) nginx.What {
	h := r.Head
	missing := strings.HasPrefix(r.Trouble, "MISSING ")
	switch {
	case h.State != luascripts.Open, h.Limit > 0, h.Free > 0, h.Leased > 0, h.Reopens != 0, r.Raised > 0:
		return ""
	case r.Trouble != "" && (!missing || stands == ""):
		return ""
	case h.Final():
		return nginx.SoldOut
	}
	return nginx.NoneNow
}

// passes says that time alone may make an answer another one, and no news of it will come.
func passes(r luascripts.ShowReply) bool { return r.Reopens != 0 || r.Trouble != "" }

// maxSeen is how often in a row a mark will do. What it does not tell, replicas that are missing and a new era of which the
// ledger does not know yet, is nothing that makes a unit sellable.
const maxSeen = 5

// known is the mark by which the sale's flag may stand on; "": it must be asked about.
func (s *sale) known() string {
	if s.flag == "" || s.seen >= maxSeen {
		return ""
	}
	return s.mark
}

// untilPhase is the time until the sale's phase of a slot comes next: a slot at most.
func (s *sale) untilPhase(now time.Time) time.Duration {
	const slot = nginx.SlotSeconds * time.Second
	at := time.Duration(now.UnixNano()) % slot
	if wait := s.phase - at; wait > 0 {
		return wait
	}
	return s.phase - at + slot
}

// sweeps end a flagged sale's holds and dead leases, and let ledger time pass: it stands still between two scripts, but for
// Bounds.Step. Who else does so need not be helped.
type sweeps struct {
	next   time.Time       // zero: nothing to end
	last   luascripts.Head // as the newest sweep left it; Rev 0: there was none
	seldom bool            // others do it: we only look whether they still do
	never  time.Time       // not to be left to others before
}

// How often a sale is swept.
const (
	sweepEvery  = 400 * time.Millisecond // less than Bounds.Step
	sweepSeldom = 2 * time.Second
	sweepAlone  = time.Minute            // after others were found not to do it
	sweepLost   = 300 * time.Millisecond // of ledger time, and they do not
	sweepSoon   = 5 * time.Millisecond   // there is more to end
	sweepShare  = 500 * time.Microsecond // for each sale with none now: any number of them cost no more than 800
	sweepMost   = 128                    // units looked at in one
)

// took takes a sweep's answer, and says when the next one is.
func (w *sweeps) took(now time.Time, h luascripts.Head, noneNow int) {
	if last := w.last; last.Rev > 0 && last.Birth == h.Birth {
		lost := time.Duration((h.Raw-last.Raw)-(h.Now-last.Now)) * time.Microsecond
		others := h.Rev > last.Rev+1
		switch {
		case w.seldom && (!others || lost > sweepLost):
			w.seldom, w.never = false, now.Add(sweepAlone)
		case !w.seldom && others && now.After(w.never):
			w.seldom = true
		}
	}
	w.last = h
	pause := sweepEvery
	switch {
	case h.Due:
		pause = sweepSoon
	case w.seldom:
		pause = sweepSeldom
	}
	w.next = now.Add(max(pause, time.Duration(noneNow)*sweepShare))
}
