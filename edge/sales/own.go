package sales

import (
	"errors"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// Own finds buyers' own reservations. Many buyers who ask must not become many calls to the store. Two requests of one buyer
// share no call: between them the buyer may have won.
type Own struct {
	sales *Registry
	calls semaphore
}

// NewOwn asks the registry's store.
func NewOwn(sales *Registry) *Own { return &Own{sales, make(semaphore, maxLookups)} }

// Find is the buyer's reservations that may still be paid. Its error is ledger.ErrUnlisted if the sale has no limit per buyer,
// ledger.ErrNoBuyer for an anonymous buyer, ledger.ErrNoSale if the sale is gone, and ledger.ErrForeign if only its hash is gone.
// After any other error nobody knows.
func (o *Own) Find(sale *Sale, b ledger.Buyer) (none ledger.MineReply, err error) {
	switch {
	case sale.Limit == 0:
		return none, ledger.ErrUnlisted
	case b == ledger.Buyer{}:
		return none, ledger.ErrNoBuyer
	}
	if err = o.calls.acquire(o.sales.life, lookWait); err != nil {
		return none, err
	}
	defer o.calls.release()
	reply, err := o.sales.cfg.Store.Mine(o.sales.life, sale.Name, sale.Birth, b)
	switch {
	case err == nil, errors.Is(err, ledger.ErrForeign):
		return reply, err
	case sale.MissedElsewhere(err):
		sale.Hear(allotment.News{Unsure: true})
	case errors.Is(err, ledger.ErrBirth): // the next request finds the sale that has the name now
		o.sales.Drop(sale)
	case errors.Is(err, ledger.ErrNoSale):
		o.sales.Drop(sale)
		return none, err
	}
	return none, ledger.ErrDown
}
