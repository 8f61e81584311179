package strategies

import "fmt"

// Ledger says where the units are, by the strategy's own data. If Paid exceeds Units, the rest was oversold.
type Ledger struct {
	Units  int64 `json:"units"`
	Paid   int64 `json:"paid"`    // orders paid for
	Stuck  int64 `json:"stuck"`   // units that are neither paid for nor on sale
	OnSale int64 `json:"on_sale"` // units the next buyer can have
}

// Oversold is how many buyers have paid and get nothing: they are owed a refund.
func (l Ledger) Oversold() int64 { return max(0, l.Paid-l.Units) }

// PaidShare is the share of the stock that was paid for, 0 to 1.
func (l Ledger) PaidShare() float64 { return share(min(l.Paid, l.Units), l.Units) }

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// check checks that every unit is in one place.
func (l Ledger) check() error {
	if l.Paid < 0 || l.Stuck < 0 || l.OnSale < 0 || min(l.Paid, l.Units)+l.Stuck+l.OnSale != l.Units {
		return fmt.Errorf("the units do not add up: %+v", l)
	}
	return nil
}
