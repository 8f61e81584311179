package sim

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Draws: in some worlds the first units go by lot. Buyers enter while the window is open, and collect what they have won.

func lotMutations() []Mutation {
	return []Mutation{
		{memory.DrawByClock, "the window of a draw ends by the store's clock alone, which jumps (P17)"},
		{memory.LotsLeased, "edges lease what is kept for winners"},
		{memory.LotTwice, "who asks for its lot again is given another unit"},
	}
}

const drawEvery = 10 // worlds

func (f *fates) drawWindow(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 6))
	if r.IntN(drawEvery) == 0 && f.plot == noPlot && !f.crowded() && f.closes == 0 {
		f.window = time.Second + time.Duration(r.Int64N(int64(3*time.Second)))
	}
}

// entrant is a buyer in a draw. Who hears nothing asks again, at any edge.
type entrant struct {
	w     *world
	buyer ledger.Buyer
	in    *entry // the script that entered it, as it has heard
	tries int
	got   []*entry     // scripts that gave it a unit, of which it may never hear
	told  ledger.Claim // Count 0: nothing yet
}

// enters has buyers come to the draw, some more than there are units. In some of these worlds the store's clocks are an hour
// ahead for a moment of the window.
func (w *world) enters() {
	f := w.fates
	if f.window == 0 {
		return
	}
	for n := range f.total * 5 / 4 {
		b := &entrant{w: w, tries: 60}
		binary.BigEndian.PutUint64(b.buyer[:], n+1)
		w.entrants = append(w.entrants, b)
		w.after(w.upTo(f.window+f.window/8), b.ask)
	}
	if f.jumps && w.chance(0.5) {
		w.after(w.upTo(f.window), w.hourAhead)
	}
}

// hourAhead moves the clocks of all servers, and back a moment later: one jump for the ledger, since no clock makes it go back.
func (w *world) hourAhead() {
	if w.healed || w.now-w.moved < int64(apart) {
		return
	}
	w.tell("the store's clocks are an hour ahead")
	for _, s := range w.servers {
		s.skew += int64(time.Hour)
	}
	w.moved = w.now
	w.moves++
	w.after(100*time.Millisecond+w.upTo(1400*time.Millisecond), func() {
		for _, s := range w.servers {
			s.skew -= int64(time.Hour)
		}
		w.tell("and right again")
	})
}

// ask enters the draw, or asks what has become of the lot.
func (b *entrant) ask() {
	if b.tries--; b.tries < 0 || b.w.shut {
		return
	}
	if h := b.w.someHost(); !h.edge.gone && h.edge.asleep == 0 && !h.edge.ending {
		if b.in == nil {
			b.enter(h)
		} else if h.edge.a.View().MayHaveLot(b.buyer) {
			b.collect(h.edge)
		}
	}
	b.w.after(100*time.Millisecond+b.w.upTo(500*time.Millisecond), b.ask)
}

func (b *entrant) enter(h *host) {
	b.w.call(h, ledger.EnterRequest{Birth: h.edge.birth, Buyers: []ledger.Buyer{b.buyer}}, func(a answer) {
		if r, ok := a.reply.(ledger.EnterReply); ok && a.err == nil && r.Entered {
			b.in = a.entry
		}
	})
}

func (b *entrant) collect(e *edge) {
	w := b.w
	w.nonces++
	q := ledger.DeductRequest{Party: e.party(), N: 1, Nonce: deducted + w.nonces, Buyer: b.buyer, ByLot: true,
		Latest: e.host.route.raw() + timeout.Microseconds()}
	w.call(e.host, q, func(a answer) {
		e.whenAwake(func() {
			r, ok := a.reply.(ledger.DeductReply)
			if !ok || a.err != nil || r.Answer != ledger.Granted {
				return
			}
			if b.told.Count == 0 {
				w.check.deducted(e, r, a)
			} else if w.histories == 0 && (b.told.Fence != r.Claim.Fence || b.told.Nonce != r.Claim.Nonce) {
				w.fail("a lot was told %v, and is told %v", brief(b.told), brief(r.Claim))
			}
			b.told = r.Claim
		})
	})
}

// kept: no more is kept for winners than is free; and a winner who asks while something is kept for it is not told "none".
func (c *checks) kept(s *server, e *entry, reply any) {
	h := s.twin.Last()
	if h.Lots.Kept > h.Free {
		c.w.fail("Redis %d keeps %d units for winners: %v", s.id, h.Lots.Kept, brief(h))
	}
	q, ok := e.call.(ledger.DeductRequest)
	if !ok || !q.ByLot {
		return
	}
	b := c.w.entrants[binary.BigEndian.Uint64(q.Buyer[:])-1]
	r := reply.(ledger.DeductReply)
	switch {
	case r.Answer == ledger.Granted:
		b.got = append(b.got, e)
	case r.State != ledger.Open || r.Lots.Kept == 0 || !r.MayHaveLot(q.Buyer) || !s.has(b.in) || slices.ContainsFunc(b.got, s.has):
	default:
		c.w.fail("buyer %x has won, and there is nothing: %v", q.Buyer, brief(r.Head))
	}
}

// inTime: whatever clocks do, the window is no shorter than it was said to be, but for a step each time they jump; and nobody who
// has entered is left out.
func (c *checks) inTime(s *server) {
	l := s.twin.Last().Lots
	if l.Drawn == 0 || c.drawn {
		return
	}
	c.drawn = true
	w := c.w
	if w.histories > 0 && (w.fates.store != fsynced || w.backups > 0) { // ledger time has lost sight of it
		return
	}
	if open := time.Duration(w.now - start); open < w.fates.window-maxSkew-time.Duration(w.moves+1)*w.bounds.Step {
		w.fail("lots are drawn after %v of %v, and %d changes of clocks and servers", open, w.fates.window, w.moves)
	}
	in := uint64(0)
	for _, b := range w.entrants {
		if b.in != nil && s.has(b.in) {
			in++
		}
	}
	if in > l.Entrants {
		w.fail("%d buyers have entered, and %d have a lot", in, l.Entrants)
	}
}

// collecting is how much longer than other worlds one with a draw may take to come to its end.
func (w *world) collecting() time.Duration {
	if w.fates.window == 0 {
		return 0
	}
	return w.fates.window + 2*w.fates.binds() + w.bounds.Proof
}
