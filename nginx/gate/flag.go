package gate

import (
	"slices"

	"spike/nginx"
)

// doubt removes the sale's flag, and makes the answers of all earlier questions worthless (I13).
func (g *Gate) doubt(s *sale) {
	s.news++
	g.removeFlag(s)
}

// removeFlag removes the sale's flag.
func (g *Gate) removeFlag(s *sale) {
	if s.flag != "" {
		g.saleLog.Info().Str("sale", s.name).Msg("gate: open")
		g.clearFlag(s)
	}
}

func (g *Gate) clearFlag(s *sale) {
	g.keepSlots(s)
	if s.flag == nginx.NoneNow {
		g.noneNow--
	}
	s.flag, s.slots, s.mark, s.sweeps = "", nil, "", sweeps{}
	g.flags--
}

// setFlag makes a flag stand for the slot in which the question was sent, and the next. The slot in which the answer came does
// not count.
func (g *Gate) setFlag(s *sale, what nginx.What) {
	if s.flag != what && !g.replaceFlag(s, what) {
		return
	}
	slot := nginx.Slot(s.asked)
	if !g.keepSlots(s, slot, slot+1) {
		g.removeFlag(s)
	}
}

// replaceFlag gives a sale a flag, or another one; false: there are too many flags.
func (g *Gate) replaceFlag(s *sale, what nginx.What) bool {
	if s.flag != "" {
		g.clearFlag(s)
	}
	if g.flags >= maxFlags {
		g.faultLog.Error().Int("flags", maxFlags).Msg("gate: there are more sales without units; edges answer for them")
		return false
	}
	g.saleLog.Info().Str("sale", s.name).Str("flag", string(what)).Msg("gate: shut")
	s.flag = what
	g.flags++
	if what == nginx.NoneNow {
		s.next = s.asked
		g.noneNow++
	}
	return true
}

// keepSlots gives the sale's flag one name for each of these slots; false: a name could not be made. A name that cannot be
// removed has no effect after its slot.
func (g *Gate) keepSlots(s *sale, slots ...int64) bool {
	for _, slot := range slots {
		if !slices.Contains(s.slots, slot) && !g.addName(s, slot, slots) {
			return false
		}
	}
	s.slots = slices.DeleteFunc(s.slots, func(slot int64) bool {
		return !slices.Contains(slots, slot) && g.logged("gate: a flag cannot be removed", g.dir.remove(s.flagName(slot)))
	})
	return true
}

// addName makes a name. It renames a name of a past slot, if there is one.
func (g *Gate) addName(s *sale, slot int64, kept []int64) bool {
	const message = "gate: no flag; edges answer for the sale"
	old := slices.IndexFunc(s.slots, func(slot int64) bool { return !slices.Contains(kept, slot) })
	if old < 0 {
		s.slots = append(s.slots, slot)
		return g.logged(message, g.dir.add(s.flagName(slot)))
	}
	was := s.slots[old]
	s.slots[old] = slot
	return g.logged(message, g.dir.rename(s.flagName(was), s.flagName(slot)))
}

func (s *sale) flagName(slot int64) string { return nginx.FlagName(s.name, s.flag, slot) }

// logged logs and counts a fault of the directory, if err is one.
func (g *Gate) logged(what string, err error) (well bool) {
	if err != nil {
		g.counts.faults++
		g.faultLog.Error().Err(err).Msg(what)
	}
	return err == nil
}
