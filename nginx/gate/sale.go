package gate

import (
	"hash/fnv"
	"strings"
	"time"

	"spike/luascripts/ledger"
	"spike/nginx"
)

// sale is what the gate knows about one sale. The Gate's mutex guards all of it.
type sale struct {
	name  string
	phase time.Duration // when in a slot it is asked about, so that not all sales are asked about at once

	news  uint64     // grows when the answers of earlier questions must not count any more (I13)
	flag  nginx.What // "": none
	slots []int64    // slots of the flag's names
	mark  string     // the flag's answer holds while the mark is the same; "": it must be asked anew
	seen  int        // equal marks since that answer

	ask    time.Time // when the next question is due
	asked  time.Time // when the newest question was sent
	fresh  bool      // it was asked about since the gate listens
	failed int       // failed questions in a row
	sweeps
	index int // in the queue; -1: a call is under way
}

// due is when the next call is due.
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

// Phases are steps of a slot. Questions of one phase share a packet or two. The last second and a half of a slot is left for slow
// answers.
const (
	phaseEvery = 50 * time.Millisecond
	phases     = (nginx.SlotSeconds*1000 - 1500) / 50
)

// judge is the flag that an answer of the ledger allows; "": none. stands is the flag that stands now. A missing replica removes
// no flag, because nothing can be sold without it. But the sale may go on at that replica, so no flag is set.
func judge(r ledger.ShowReply, stands nginx.What) nginx.What {
	h := r.Head
	missing := strings.HasPrefix(r.Trouble, "MISSING ")
	switch {
	case h.State != ledger.Open, h.Free > 0, h.Leased > 0, h.Reopens != 0, r.Raised > 0:
		return ""
	case r.Trouble != "" && (!missing || stands == ""):
		return ""
	case h.Final():
		return nginx.SoldOut
	}
	return nginx.NoneNow
}

// passes says that time alone may change an answer, without news.
func passes(r ledger.ShowReply) bool { return r.Reopens != 0 || r.Trouble != "" }

// maxSeen is how often in a row an equal mark is enough. A mark does not show missing replicas, nor a new era that the ledger
// does not know yet. Neither makes a unit sellable.
const maxSeen = 5

// known is the mark with which the sale's flag may go on; "": the sale must be asked about.
func (s *sale) known() string {
	if s.flag == "" || s.seen >= maxSeen {
		return ""
	}
	return s.mark
}

// untilPhase is the time until the sale's next phase: a slot at most.
func (s *sale) untilPhase(now time.Time) time.Duration {
	const slot = nginx.SlotSeconds * time.Second
	at := time.Duration(now.UnixNano()) % slot
	if wait := s.phase - at; wait > 0 {
		return wait
	}
	return s.phase - at + slot
}

// sweeps end a flagged sale's holds and dead leases, and let ledger time pass. Between two scripts ledger time moves by
// Bounds.Step at the most. If another process sweeps, the gate need not.
type sweeps struct {
	next   time.Time   // zero: nothing to end
	last   ledger.Head // after the newest sweep; Rev 0: there was none
	seldom bool        // others sweep: the gate only looks whether they still do
	never  time.Time   // others are not trusted before
}

// How often a sale is swept.
const (
	sweepEvery  = 400 * time.Millisecond // less than Bounds.Step
	sweepSeldom = 2 * time.Second
	sweepAlone  = time.Minute            // after others turned out not to sweep
	sweepLost   = 300 * time.Millisecond // ledger time lost, with which others turn out not to sweep
	sweepSoon   = 5 * time.Millisecond   // there is more to end
	sweepShare  = 500 * time.Microsecond // for each sale with none now: any number of sales costs no more than 800
	sweepMost   = 128                    // units that one sweep looks at
)

// took takes a sweep's answer, and sets the time of the next.
func (w *sweeps) took(now time.Time, h ledger.Head, noneNow int) {
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
