package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// paymentTime is how much longer a hold lasts once a payment has begun; the edge grants the sale's hold at the most.
const paymentTime = 2 * time.Minute

// A payment goes started -> approved -> paid or returned, or started -> refused.
const (
	started  = "started"  // the buyer is at the provider's
	approved = "approved" // the provider has the money; Spike has not confirmed yet
	paid     = "paid"     // confirmed: the units are the buyer's
	refused  = "refused"  // the provider has no money: the buyer may try again while the hold lasts
	returned = "returned" // the hold was over: the provider has sent the money back
)

var (
	errNoPayment = errors.New("no_such_payment")
	errNotOpen   = errors.New("not_pending")
)

// payment is one try to pay for one reservation.
type payment struct {
	ID     string      `json:"payment"`
	State  string      `json:"state"`
	Amount int         `json:"amount_cents"`
	For    reservation `json:"for"`
	buyer  string
	token  string // of the reservation: a secret, in no log
}

// payments are those of this process. A shop keeps them in its database, with a unique index on the reservation, and at its start
// goes on with those that are approved: one that is forgotten there has taken money and confirmed nothing.
type payments struct {
	operators operators
	buyers    buyers
	price     int
	pause     time.Duration // before the second try of a confirm
	ctx       context.Context
	working   sync.WaitGroup

	mu   sync.Mutex
	byID map[string]*payment
	open map[string]*payment // by reservation: what is not refused
}

func newPayments(ctx context.Context, o operators, b buyers, price int) *payments {
	return &payments{operators: o, buyers: b, price: price, pause: 500 * time.Millisecond, ctx: ctx,
		byID: map[string]*payment{}, open: map[string]*payment{}}
}

// wait returns when no confirm is under way.
func (p *payments) wait() { p.working.Wait() }

// start begins to pay for a reservation that is pending, and prolongs its hold. Who starts twice has one payment.
func (p *payments) start(ctx context.Context, buyer, token string) (payment, error) {
	found, err := p.buyers.show(ctx, token)
	if err != nil {
		return payment{}, err
	}
	if found.State != "pending" {
		return payment{}, errNotOpen
	}
	if _, err = p.operators.prolong(ctx, token, paymentTime); errors.Is(err, errEnded) {
		return payment{}, errNotOpen
	} else if err != nil {
		slog.Warn("the hold is not prolonged", "reservation", found.Reservation, "error", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if have := p.open[found.Reservation]; have != nil {
		return *have, nil
	}
	made := &payment{ID: "pay_" + rand.Text(), State: started, Amount: p.price * found.units(), For: found,
		buyer: buyer, token: token}
	p.byID[made.ID], p.open[found.Reservation] = made, made
	return *made, nil
}

// show returns a payment to its buyer.
func (p *payments) show(id, buyer string) (payment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if have := p.byID[id]; have != nil && have.buyer == buyer {
		return *have, nil
	}
	return payment{}, errNoPayment
}

// decide takes the provider's word. It may come twice: the first counts.
func (p *payments) decide(id string, ok bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.byID[id]
	if have == nil {
		return errNoPayment
	}
	if have.State != started {
		return nil
	}
	if !ok {
		have.State = refused
		delete(p.open, have.For.Reservation)
		return nil
	}
	have.State = approved
	p.working.Go(func() { p.settle(have) })
	return nil
}

// settle confirms a payment, however long nobody knows, because the provider has the money. It ends with the process.
func (p *payments) settle(of *payment) {
	for pause := p.pause; ; pause = min(2*pause, 30*time.Second) {
		_, err := p.operators.confirm(p.ctx, of.token)
		switch {
		case err == nil:
			p.set(of, paid)
			return
		case errors.Is(err, errEnded):
			payBack(of.ID)
			p.set(of, returned)
			return
		}
		slog.Warn("not confirmed yet", "reservation", of.For.Reservation, "error", err)
		select {
		case <-time.After(pause):
		case <-p.ctx.Done():
			slog.Error("the shop ends with a payment that is approved and not confirmed", "payment", of.ID)
			return
		}
	}
}

func (p *payments) set(of *payment, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of.State = state
}

func (s *shop) startPayment(w http.ResponseWriter, r *http.Request) {
	buyer, err := s.logins.buyer(r)
	if err != nil {
		refuse(w, http.StatusUnauthorized, err)
		return
	}
	var want struct{ Token string }
	if !read(w, r, &want) {
		return
	}
	made, err := s.payments.start(r.Context(), buyer, want.Token)
	switch {
	case err == nil:
		reply(w, http.StatusCreated, made)
	case errors.Is(err, errUnknown):
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, errors.New("undecided"))
	default: // it is over, or there is no such reservation
		refuse(w, http.StatusConflict, errNotOpen)
	}
}

func (s *shop) showPayment(w http.ResponseWriter, r *http.Request) {
	buyer, err := s.logins.buyer(r)
	if err != nil {
		refuse(w, http.StatusUnauthorized, err)
		return
	}
	have, err := s.payments.show(r.PathValue("id"), buyer)
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return
	}
	reply(w, http.StatusOK, struct {
		payment
		Record string `json:"record,omitempty"` // what a webhook has told
	}{have, s.records.state(have.For.Reservation)})
}
