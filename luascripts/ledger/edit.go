package ledger

import "time"

// EditRequest changes a sale; nil leaves a field as it is. A repeat sets the same values, so it changes nothing.
type EditRequest struct {
	Opens  *time.Time // only before the sale has opened; a time that is over opens it at once
	Closes *time.Time // only before the sale has closed; at least a lease's term from now
	// Hold and Limit change only before the first sale: nothing was ever sold, nothing is on an edge, nobody has entered a draw.
	// Then the sale gets another Birth.
	Hold  *time.Duration
	Limit *uint32
}

// Validate returns nil or an *Invalid. The caller of Edit must call it first. The store refuses values that do not suit the sale.
func (q EditRequest) Validate(now time.Time) error {
	checks := []check{
		{q == EditRequest{}, "body", "says nothing that is to change: opens, closes, hold or limit_per_buyer"},
		{q.Opens != nil && q.Opens.Before(time.Unix(1, 0)), "opens", "is no time"},
		{q.Closes != nil && !q.Closes.After(now), "closes", "is over already"},
	}
	if q.Hold != nil {
		checks = append(checks, holdCheck(*q.Hold))
	}
	if q.Limit != nil {
		checks = append(checks, limitCheck(*q.Limit))
	}
	return first(checks)
}
