package strategies

import "testing"

func TestLedger(t *testing.T) {
	for _, c := range []struct {
		name      string
		l         Ledger
		ok        bool
		oversold  int64
		paidShare float64
	}{
		{"untouched", Ledger{Units: 10, OnSale: 10}, true, 0, 0},
		{"some stuck", Ledger{Units: 10, Paid: 7, Stuck: 3}, true, 0, 0.7},
		{"oversold", Ledger{Units: 10, Paid: 14}, true, 4, 1},
		{"a unit is missing", Ledger{Units: 10, Paid: 7, Stuck: 2}, false, 0, 0.7},
		{"a unit is there twice", Ledger{Units: 10, Paid: 7, Stuck: 3, OnSale: 1}, false, 0, 0.7},
		{"oversold and yet on sale", Ledger{Units: 10, Paid: 14, OnSale: 1}, false, 4, 1},
		{"less than none", Ledger{Units: 10, Paid: 11, Stuck: -1, OnSale: 1}, false, 1, 1},
		{"no units", Ledger{}, true, 0, 0},
	} {
		if got := c.l.check() == nil; got != c.ok || c.l.Oversold() != c.oversold || c.l.PaidShare() != c.paidShare {
			t.Errorf("%s: %v, oversold %d, paid %v", c.name, c.l.check(), c.l.Oversold(), c.l.PaidShare())
		}
	}
}
