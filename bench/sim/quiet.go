package sim

import (
	"math/rand/v2"
	"time"

	"spike/luascripts/ledger"
)

// In a quiet period most buyers stay away for long, while units are held. Edges sleep. Now and then a buyer buys straight from
// the ledger, or comes to an edge.

// quietPeriod has random numbers of its own, so that it changes no other fate.
type quietPeriod struct {
	on    bool
	from  int64
	until int64
	given []given
}

// given is a time from which somebody counts a lease or a hold: the true time before the call, the ledger time then, and its
// history.
type given struct {
	asked int64
	now   int64
	era   uint64
}

const quietEvery = 8 // worlds

func (w *world) drawQuiet() {
	r := rand.New(rand.NewPCG(w.Seed, 0x6c756c6c))
	other := w.fates.crowded() || w.fates.plot != noPlot || w.fates.window > 0 || w.fates.together.limit > 0
	if r.IntN(quietEvery) > 0 || w.fates.hold == 0 || other {
		return
	}
	f := &w.fates
	f.hold = time.Duration(60+r.IntN(60)) * time.Second
	f.total, f.hosts, f.slack = max(f.total, 40), 2, 1
	if r.IntN(2) == 0 { // without other faults
		f.jumps, f.crashes, f.eras, f.deaths, f.pauses = false, false, false, false, false
		f.outages, f.stops, f.sweeper, f.changes = false, false, false, false
	}
	w.quiet = quietPeriod{on: true, from: start + int64(time.Second), until: start + int64(60+r.IntN(90))*int64(time.Second)}
	w.fates.length = max(w.fates.length, time.Duration(w.quiet.until-start)+time.Second)
}

// isQuiet says whether buyers stay away now.
func (w *world) isQuiet() bool {
	return w.quiet.on && !w.healed && w.now > w.quiet.from && w.now < w.quiet.until
}

// quietBuyers lets few buyers come.
func (w *world) quietBuyers() {
	if !w.quiet.on {
		return
	}
	var again func()
	again = func() {
		if w.healed || w.now >= w.quiet.until {
			return
		}
		if h := w.someHost(); h.edge.serves() {
			if w.chance(0.7) {
				h.edge.deduct(1)
			} else {
				h.edge.buyer(1)
			}
		}
		w.after(time.Second+w.upTo(20*time.Second), again)
	}
	w.after(time.Second+w.upTo(20*time.Second), again)
	w.patient()
}

// notes keeps the time of an answer.
func (w *world) notes(a answer, asked int64) {
	if !w.quiet.on || a.err != nil {
		return
	}
	var h ledger.Head
	switch r := a.reply.(type) {
	case ledger.DeductReply:
		h = r.Head
	case ledger.LeaseReply:
		h = r.Head
	case ledger.RenewReply:
		h = r.Head
	default:
		return
	}
	if h.Reopens > 0 { // in a recovery deadlines move with ledger time, which a survivor of lost history may set
		return
	}
	w.quiet.given = append(w.quiet.given[max(0, len(w.quiet.given)-100):], given{asked, h.Now, h.Era})
}

// patient checks that no lease and no hold ends early (I1). Since a time was given, ledger time must not run ahead of true
// time by more than a jump of the store's clock and the drift of callers' clocks.
func (w *world) patient() {
	h := w.primary.twin.Last()
	for _, g := range w.quiet.given {
		if g.era != h.Era || w.moved >= g.asked {
			continue
		}
		passed := w.now - g.asked
		if most := passed + passed/100 + int64(w.bounds.Step); (h.Now-g.now)*1000 > most {
			w.fail("ledger time has passed by %v since somebody was given a time, and true time by %v",
				time.Duration(h.Now-g.now)*time.Microsecond, time.Duration(passed))
		}
	}
	w.after(300*time.Millisecond, w.patient)
}

// deduct is a buy straight from the ledger.
func (e *edge) deduct(n uint32) {
	q := ledger.DeductRequest{Party: e.party(), N: n, Nonce: e.w.nonce()}
	e.ask(q, func(r ledger.DeductReply, a answer) {
		if r.Answer == ledger.Granted {
			e.w.check.deducted(e, r, a)
		}
	})
}
