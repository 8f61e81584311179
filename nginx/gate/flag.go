package gate

import (
	"slices"

	"spike/nginx"
)

// doubt takes the sale's flag away, and makes every answer that was asked for before worthless (I13).
func (g *Gate) doubt(s *sale) {
	s.news++
	g.lower(s)
}

// lower takes the sale's flag away.
func (g *Gate) lower(s *sale) {
	if s.flag != "" {
		g.each.Info().Str("sale", s.name).Msg("gate: open")
		g.drop(s)
	}
}

func (g *Gate) drop(s *sale) {
	g.keep(s)
	if s.flag == nginx.NoneNow {
		g.noneNow--
	}
	s.flag, s.slots, s.mark, s.sweeps = "", nil, "", sweeps{}
	g.flags--
}

// raise has a flag stand for the slot in which the sale was asked about, and the next: not for those in which the answer
// came, or was read.
func (g *Gate) raise(s *sale, what nginx.What) {
	if s.flag != what && !g.turn(s, what) {
		return
	}
	slot := nginx.Slot(s.asked)
	if !g.keep(s, slot, slot+1) {
		g.lower(s)
	}
}

// turn gives a sale a flag, or another one; false: there are too many.
func (g *Gate) turn(s *sale, what nginx.What) bool {
	if s.flag != "" {
		g.drop(s)
	}
	if g.flags >= maxFlags {
		g.loud.Error().Int("flags", maxFlags).Msg("gate: there are more sales without units; edges answer for them")
		return false
	}
	g.each.Info().Str("sale", s.name).Str("flag", string(what)).Msg("gate: shut")
	s.flag = what
	g.flags++
	if what == nginx.NoneNow {
		s.next = s.asked
		g.noneNow++
	}
	return true
}

// keep makes the names of the sale's flag those of these slots; false: one could not be made. One that cannot be removed
// is without effect when its slot is over.
func (g *Gate) keep(s *sale, slots ...int64) bool {
	for _, slot := range slots {
		if !slices.Contains(s.slots, slot) && !g.add(s, slot, slots) {
			return false
		}
	}
	s.slots = slices.DeleteFunc(s.slots, func(slot int64) bool {
		return !slices.Contains(slots, slot) && g.tell("gate: a flag cannot be removed", g.dir.remove(s.flagName(slot)))
	})
	return true
}

// add makes a name, of one that is not to be kept if there is one.
func (g *Gate) add(s *sale, slot int64, kept []int64) bool {
	const trouble = "gate: no flag; edges answer for the sale"
	old := slices.IndexFunc(s.slots, func(slot int64) bool { return !slices.Contains(kept, slot) })
	if old < 0 {
		s.slots = append(s.slots, slot)
		return g.tell(trouble, g.dir.add(s.flagName(slot)))
	}
	was := s.slots[old]
	s.slots[old] = slot
	return g.tell(trouble, g.dir.rename(s.flagName(was), s.flagName(slot)))
}

func (s *sale) flagName(slot int64) string { return nginx.FlagName(s.name, s.flag, slot) }

// tell says what is wrong in the directory, if something is.
func (g *Gate) tell(what string, err error) (well bool) {
	if err != nil {
		g.counts.faults++
		g.loud.Error().Err(err).Msg(what)
	}
	return err == nil
}
