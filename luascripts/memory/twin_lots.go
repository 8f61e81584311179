package memory

import (
	"cmp"
	"slices"

	"spike/luascripts/ledger"
)

// The twin's draw: lots.lua said again.

// beginLots is the part of create.lua that begins a draw.
func (t *Twin) beginLots(q ledger.CreateRequest) {
	if q.Shuffle == 0 {
		return
	}
	if t.head.Opens == 0 {
		t.head.Opens = t.head.Raw
	}
	t.head.Lots = ledger.Lots{Window: q.Shuffle.Microseconds(), Last: -1}
	t.window()
	t.seed, t.entrants, t.collected = q.DrawSeed(), map[ledger.Buyer]int64{}, map[ledger.Buyer]ledger.Claim{}
}

// window notes when the window is over by ledger time. The window begins with the first script that finds it open, and has
// its full length from there.
func (t *Twin) window() {
	switch {
	case t.head.Raw < t.head.Opens:
		t.over = 0
	case t.over == 0:
		t.over = t.head.Now + t.head.Lots.Window
	}
}

// passLots does what is due: the draw, or the end of collecting.
func (t *Twin) passLots() {
	l := &t.head.Lots
	if l.Window > 0 && l.Drawn == 0 {
		t.window()
	}
	switch {
	case l.Window == 0 || t.recovering():
	case l.Drawn == 0:
		if t.head.Raw >= t.head.DrawsAt() && (t.head.Now >= t.over || t.bounds.Lacks(DrawByClock)) {
			t.draw()
		}
	case l.Kept > 0 && t.head.Now >= l.Ends && t.door != ledger.Paused:
		l.Kept = 0
		t.head.Gen++
	}
}

func (t *Twin) draw() {
	t.drawn = t.drawn[:0]
	for b := range t.entrants {
		t.drawn = append(t.drawn, b)
	}
	slices.SortFunc(t.drawn, func(a, b ledger.Buyer) int {
		return cmp.Or(cmp.Compare(t.entrants[a], t.entrants[b]), slices.Compare(a[:], b[:]))
	})
	l := &t.head.Lots
	l.Entrants = uint64(len(t.drawn))
	l.Winners = min(l.Entrants, t.head.Free)
	if l.Winners > 0 {
		l.Last = t.entrants[t.drawn[l.Winners-1]]
	}
	l.Drawn, l.Kept, l.Ends, l.Seed = t.head.Raw, l.Winners, t.head.Now+t.covered(), t.seed
	t.head.Gen++
}

// lengthen gives winners their whole time to collect again, counted from `from`.
func (t *Twin) lengthen(from int64) {
	if t.head.Lots.Window > 0 {
		t.head.Lots.Ends = max(t.head.Lots.Ends, from+t.covered())
	}
}

// hasLot says whether a unit is kept for this buyer, unless the buyer has collected it.
func (t *Twin) hasLot(b ledger.Buyer) bool {
	l := t.head.Lots
	return l.Kept > 0 && slices.Contains(t.drawn[:l.Winners], b)
}

// EnterDraw is enter.lua.
func (t *Twin) EnterDraw(raw int64, q ledger.EnterRequest) (ledger.EnterReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.EnterReply{}, err
	}
	entered := t.state() == ledger.Drawing && (t.head.Raw < t.head.DrawsAt() || !t.recovering()) &&
		len(t.entrants)+len(q.Buyers) <= t.bounds.Enter
	for _, b := range q.Buyers {
		if entered {
			t.entrants[b] = ledger.Lot(t.seed, t.head.Birth, b)
		}
	}
	t.commit()
	return ledger.EnterReply{Head: t.view("-"), Entered: entered}, nil
}

// secret is the seed, once it may be shown, and the seal that is always shown.
func (t *Twin) secret() (s ledger.Secret) {
	if t.head.Lots.Window == 0 {
		return s
	}
	s.Seal = ledger.Seal(t.seed)
	if t.head.Lots.Drawn > 0 && t.head.Raw >= t.head.DrawsAt()+t.bounds.Margin.Microseconds() {
		s.Seed = t.seed
	}
	return s
}

// Draw is draw.lua.
func (t *Twin) Draw(raw int64, from, most int) ledger.DrawReply {
	defer t.peek()()
	_ = t.look(raw, 0)
	out := ledger.DrawReply{Head: t.view("-"), Secret: t.secret()}
	if out.Secret.Seed != "" && from < len(t.drawn) {
		out.Buyers = slices.Clone(t.drawn[from:min(from+most, len(t.drawn))])
	}
	return out
}

// collect is collect.lua: the unit that the buyer won, or has collected before.
func (b *buying) collect(q ledger.DeductRequest) outcome {
	t := b.t
	if c, done := t.collected[q.Buyer]; done && !t.bounds.Lacks(LotTwice) {
		b.flush()
		if q.Ever || !keyed(q) && t.life(c) == ledger.IsPending {
			return b.bought(q, c, true)
		}
		return outcome{}
	}
	if q.N != 1 || !t.hasLot(q.Buyer) {
		return outcome{}
	}
	if k, over := b.limited(q); over {
		return k
	}
	c, had := b.fromFree(q)
	if had {
		t.head.Lots.Kept--
		t.collected[q.Buyer] = c
	}
	return b.bought(q, c, had)
}
