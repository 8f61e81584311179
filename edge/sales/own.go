package sales

import (
	"errors"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// Mine is the buyer's reservations that may still be paid. Its error is ledger.ErrUnlisted if the sale has no limit per buyer,
// ledger.ErrNoBuyer for an anonymous buyer, ledger.ErrNoSale if the sale is gone, and ledger.ErrForeign if only its hash is gone.
// After any other error nobody knows. Many buyers who ask must not become many calls to the store. Two requests of one buyer
// share no call: between them the buyer may have won.
func (s *Registry) Mine(sale *Sale, b ledger.Buyer) (none ledger.MineReply, err error) {
	switch {
	case sale.Limit == 0:
		return none, ledger.ErrUnlisted
	case b == ledger.Buyer{}:
		return none, ledger.ErrNoBuyer
	}
	if err = s.mines.acquire(s.life, lookWait); err != nil {
		return none, err
	}
	defer s.mines.release()
	reply, err := s.cfg.Store.Mine(s.life, sale.Name, sale.Birth, b)
	switch {
	case err == nil, errors.Is(err, ledger.ErrForeign):
		return reply, err
	case sale.MissedElsewhere(err):
		sale.Hear(allotment.News{Unsure: true})
	case errors.Is(err, ledger.ErrBirth): // the next request finds the sale that has the name now
		s.Drop(sale)
	case errors.Is(err, ledger.ErrNoSale):
		s.Drop(sale)
		return none, err
	}
	return none, ledger.ErrDown
}
