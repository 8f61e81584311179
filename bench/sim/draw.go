package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"spike/luascripts/ledger"
)

// entrant is a buyer in a draw: in some worlds the first units go by lot. If it hears nothing, it asks again, at any edge.
type entrant struct {
	*world
	buyer ledger.Buyer
	in    *entry // the script that entered it, as the buyer has heard
	tries int
	got   []*entry     // scripts that gave it a unit; the buyer may not have heard
	told  ledger.Claim // Count 0: nothing yet
}

// enters lets buyers enter the draw, mostly more than there are units.
func (w *world) enters() {
	f := w.fates
	if f.window == 0 {
		return
	}
	for n := range f.total * 5 / 4 {
		b := &entrant{world: w, tries: 60}
		binary.BigEndian.PutUint64(b.buyer[:], n+1)
		w.entrants = append(w.entrants, b)
		w.after(w.upTo(f.window+f.window/8), b.ask)
	}
	if f.jumps && w.chance(0.5) {
		w.after(w.upTo(f.window), w.hourAhead)
	}
}

// hourAhead moves the servers' clocks by an hour, and soon back: one jump, because no clock makes ledger time go back.
func (w *world) hourAhead() {
	if !w.mayMove() {
		return
	}
	w.tell("the store's clocks are an hour ahead")
	w.setClocks(func(skew int64) int64 { return skew + int64(time.Hour) })
	w.after(100*time.Millisecond+w.upTo(1400*time.Millisecond), func() {
		for _, s := range w.servers {
			s.skew -= int64(time.Hour)
		}
		w.tell("and right again")
	})
}

// ask enters the draw, or asks about the lot.
func (b *entrant) ask() {
	if b.tries--; b.tries < 0 || b.noBuyers {
		return
	}
	if h := b.someHost(); h.edge.serves() {
		if b.in == nil {
			q := ledger.EnterRequest{Birth: h.edge.birth, Buyers: []ledger.Buyer{b.buyer}}
			b.call(h, q, func(a answer) {
				if r, ok := a.reply.(ledger.EnterReply); ok && a.err == nil && r.Entered {
					b.in = a.entry
				}
			})
		} else if h.edge.a.View().MayHaveLot(b.buyer) {
			b.collect(h.edge)
			if b.fates.together && b.chance(0.2) { // it is sent twice
				b.collect(h.edge)
			}
		}
	}
	b.after(100*time.Millisecond+b.upTo(500*time.Millisecond), b.ask)
}

func (b *entrant) collect(e *edge) {
	q := ledger.DeductRequest{Party: e.party(), N: 1, Nonce: b.nonce(), Buyer: b.buyer, ByLot: true}
	if b.fates.together && b.buyer[7]%2 == 0 {
		copy(q.Key[:], b.buyer[:])
	}
	e.ask(q, func(r ledger.DeductReply, a answer) {
		if r.Answer != ledger.Granted {
			return
		}
		if b.told.Count == 0 {
			b.check.deducted(e, r, a)
		} else if b.Histories == 0 && idOf(b.told) != idOf(r.Claim) {
			b.fail("a lot was told %v, and is told %v", b.told, r.Claim)
		}
		b.told = r.Claim
	})
}

// kept checks that no more units are kept for winners than are free, and that a winner for whom one is kept does not hear "none".
func (c *checks) kept(s *server, e *entry, reply any) {
	h := s.twin.Last()
	if h.Lots.Kept > h.Free {
		c.fail("Redis %d keeps %d units for winners: %v", s.id, h.Lots.Kept, h)
	}
	for _, one := range boughtBy(e.call, reply) {
		if !one.q.ByLot || one.err != nil {
			continue
		}
		b, r := c.entrants[binary.BigEndian.Uint64(one.q.Buyer[:])-1], one.r
		switch {
		case r.Answer == ledger.Granted:
			b.got = append(b.got, e)
		case r.State != ledger.Open, r.Lots.Kept == 0, !r.MayHaveLot(one.q.Buyer), !s.has(b.in), slices.ContainsFunc(b.got, s.has):
		default:
			c.fail("buyer %x has won, and there is nothing: %v", one.q.Buyer, r.Head)
		}
	}
}

// inTime checks that the window was as long as announced, less a step for each jump of a clock, and that every entrant is in.
func (c *checks) inTime(s *server) {
	l := s.twin.Last().Lots
	if l.Drawn == 0 || c.drawn {
		return
	}
	c.drawn = true
	if c.Histories > 0 && (c.fates.store != fsynced || c.backups > 0) { // lost history has taken ledger time back
		return
	}
	if open := time.Duration(c.now - start); open < c.fates.window-maxSkew-time.Duration(c.moves+1)*c.bounds.Step {
		c.fail("lots are drawn after %v of %v, and %d changes of clocks and servers", open, c.fates.window, c.moves)
	}
	in := uint64(0)
	for _, b := range c.entrants {
		if b.in != nil && s.has(b.in) {
			in++
		}
	}
	if in > l.Entrants {
		c.fail("%d buyers have entered, and %d have a lot", in, l.Entrants)
	}
}
