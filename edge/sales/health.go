package sales

import (
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

const wellFor = 2 * time.Second // a sale counts as well for so long after an answer of the store

// Ail is the trouble of a sale. It is "" if no sale has trouble, or if a sale without trouble had an answer lately.
func (s *Registry) Ail() (why string) {
	all := s.All()
	for name, sale := range all {
		if t := sale.Trouble(); t != nil && sale.Ails() {
			why = "sale " + name + ": " + t.Why
			break
		}
	}
	for _, sale := range all { // a look at the clock for each, so only if there is trouble
		if why == "" || !sale.Ails() && sale.SeenWithin(wellFor) {
			return ""
		}
	}
	return why
}

// Examine checks whether a sale's trouble is over.
func (s *Registry) Examine(sale *Sale, t *allotment.Trouble) {
	switch t.Ailment {
	case allotment.NoRing:
		if s.cfg.Rings.HasRoom(t.Ring) {
			sale.Cure(t)
		}
	case allotment.StoreAway, allotment.ByHand:
		_, err := s.renew(sale.Name, ledger.Party{Birth: sale.Birth, Instance: s.cfg.Instance, Node: s.cfg.Node})
		well := err == nil
		if well && t.Ailment == allotment.ByHand {
			shown, err := s.cfg.Store.Show(s.life, sale.Name)
			well = err == nil && shown.Trouble == ""
		}
		if well {
			sale.Cure(t)
		}
	case allotment.Cut:
	}
}
