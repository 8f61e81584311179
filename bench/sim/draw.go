package sim

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"spike/luascripts/ledger"
)

// In some worlds the first units go by lot. Buyers enter while the window is open, and collect their wins.

const drawEvery = 10 // worlds

func (f *fates) drawWindow(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 6))
	if r.IntN(drawEvery) == 0 && f.plot == noPlot && !f.crowded() && f.closes == 0 {
		f.window = time.Second + time.Duration(r.Int64N(int64(3*time.Second)))
	}
}

// entrant is a buyer in a draw. If it hears nothing, it asks again, at any edge.
type entrant struct {
	w     *world
	buyer ledger.Buyer
	in    *entry // the script that entered it, as the buyer has heard
	tries int
	got   []*entry     // scripts that gave it a unit; the buyer may not have heard
	told  ledger.Claim // Count 0: nothing yet
}

// enters lets buyers enter the draw, mostly more than there are units. In some of these worlds the store's clocks are an hour
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

// hourAhead moves the clocks of all servers by an hour, and back a moment later. For the ledger this is one jump, because no
// clock makes ledger time go back.
func (w *world) hourAhead() {
	if !w.mayMove() {
		return
	}
	w.tell("the store's clocks are an hour ahead")
	w.moveClocks(time.Hour)
	w.after(100*time.Millisecond+w.upTo(1400*time.Millisecond), func() {
		for _, s := range w.servers {
			s.skew -= int64(time.Hour)
		}
		w.tell("and right again")
	})
}

// ask enters the draw, or asks about the lot.
func (b *entrant) ask() {
	if b.tries--; b.tries < 0 || b.w.noBuyers {
		return
	}
	if h := b.w.someHost(); h.edge.serves() {
		if b.in == nil {
			b.enter(h)
		} else if h.edge.a.View().MayHaveLot(b.buyer) {
			b.collect(h.edge)
			if b.w.fates.together.on && b.w.chance(0.2) { // it is sent twice
				b.collect(h.edge)
			}
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
	q := ledger.DeductRequest{Party: e.party(), N: 1, Nonce: w.nonce(), Buyer: b.buyer, ByLot: true}
	if w.fates.together.on && b.buyer[7]%2 == 0 {
		copy(q.Key[:], b.buyer[:])
	}
	e.ask(q, func(r ledger.DeductReply, a answer) {
		if r.Answer != ledger.Granted {
			return
		}
		if b.told.Count == 0 {
			w.check.deducted(e, r, a)
		} else if w.Histories == 0 && idOf(b.told) != idOf(r.Claim) {
			w.fail("a lot was told %v, and is told %v", brief(b.told), brief(r.Claim))
		}
		b.told = r.Claim
	})
}

// kept checks that no more units are kept for winners than are free. While a unit is kept for a winner, it must not be told
// "none".
func (c *checks) kept(s *server, e *entry, reply any) {
	h := s.twin.Last()
	if h.Lots.Kept > h.Free {
		c.w.fail("Redis %d keeps %d units for winners: %v", s.id, h.Lots.Kept, brief(h))
	}
	for _, one := range boughtBy(e.call, reply) {
		if one.q.ByLot && one.err == nil {
			c.collected(s, e, one)
		}
	}
}

func (c *checks) collected(s *server, e *entry, one bought) {
	b, r := c.w.entrants[binary.BigEndian.Uint64(one.q.Buyer[:])-1], one.r
	switch {
	case r.Answer == ledger.Granted:
		b.got = append(b.got, e)
	case r.State != ledger.Open, r.Lots.Kept == 0, !r.MayHaveLot(one.q.Buyer), !s.has(b.in), slices.ContainsFunc(b.got, s.has):
	default:
		c.w.fail("buyer %x has won, and there is nothing: %v", one.q.Buyer, brief(r.Head))
	}
}

// inTime checks the window. Whatever clocks do, it must be as long as announced, less a step for each jump. No entrant may be
// left out.
func (c *checks) inTime(s *server) {
	l := s.twin.Last().Lots
	if l.Drawn == 0 || c.drawn {
		return
	}
	c.drawn = true
	w := c.w
	if w.Histories > 0 && (w.fates.store != fsynced || w.backups > 0) { // lost history has taken ledger time back
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

// collecting is how much longer a world with a draw may take to end.
func (w *world) collecting() time.Duration {
	if w.fates.window == 0 {
		return 0
	}
	return w.fates.window + 2*w.fates.binds() + w.bounds.Proof
}
