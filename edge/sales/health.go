package sales

import (
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

const wellFor = 2 * time.Second // so long after a look a sale is taken to be well

// Ail is what ails a sale, where every sale that was looked at lately ails; else "". Of ten thousand sales most often none ails, and
// no clock need be read.
func (s *Registry) Ail() (why string) {
	all := s.All()
	for name, sale := range all {
		if t := sale.Trouble(); t != nil && sale.Ails() {
			why = "sale " + name + ": " + t.Why
			break
		}
	}
	if why == "" {
		return ""
	}
	for _, sale := range all {
		if !sale.Ails() && sale.SeenWithin(wellFor) {
			return ""
		}
	}
	return why
}

// Examine looks whether a sale's trouble is over.
func (s *Registry) Examine(sale *Sale, t *allotment.Trouble) {
	switch t.Ailment {
	case allotment.NoRing:
		if s.cfg.Rings.HasRoom(t.Ring) {
			sale.Cure(t)
		}
	case allotment.StoreAway, allotment.ByHand:
		_, err := s.renew(sale.Name, ledger.Party{Birth: sale.Birth, Instance: s.cfg.Instance, Node: s.cfg.Node})
		if err == nil && t.Ailment == allotment.ByHand {
			shown, e := s.cfg.Store.Show(s.life, sale.Name)
			if err = e; e == nil && shown.Trouble != "" {
				return
			}
		}
		if err == nil {
			sale.Cure(t)
		}
	case allotment.Cut:
	}
}
