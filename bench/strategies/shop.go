package strategies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/peers"
	"spike/bench/rig"
	"spike/luascripts/ledger"
)

// Stock says where the units are, by the strategy's own data. If Paid exceeds Units, the rest was oversold.
type Stock struct {
	Units  int64 `json:"units"`
	Paid   int64 `json:"paid"`    // orders paid for
	Stuck  int64 `json:"stuck"`   // units that are neither paid for nor on sale
	OnSale int64 `json:"on_sale"` // units the next buyer can have
}

// Oversold is how many buyers have paid and get nothing: they are owed a refund.
func (s Stock) Oversold() int64 { return max(0, s.Paid-s.Units) }

// check checks that every unit is in one place.
func (s Stock) check() error {
	if s.Paid < 0 || s.Stuck < 0 || s.OnSale < 0 || min(s.Paid, s.Units)+s.Stuck+s.OnSale != s.Units {
		return fmt.Errorf("the units do not add up: %+v", s)
	}
	return nil
}

// shop is a running strategy: an edge with its order worker, or a server of orders.
type shop struct {
	*rig.Site
	Options
	strategy string
	d        *Database
}

func (o Options) open(ctx context.Context, program, strategy, dir string, d *Database) (s *shop, err error) {
	s = &shop{Options: o, strategy: strategy, d: d}
	if strategy == PreDeduct {
		s.Site, err = rig.Open(ctx, rig.SiteOptions{Binary: program, Dir: dir, Units: o.Units, Database: d.url,
			Make: []string{"--hold", o.Hold.String()}, Servers: []rig.Options{{Args: []string{"--ack", "edge"}}}})
		return s, err
	}
	server, err := d.Serve(ctx, strategy, o.Units, o.Pool, rig.Options{Binary: program, Dir: dir})
	s.Site = &rig.Site{Servers: []*rig.Server{server}}
	return s, err
}

// pay is where the owner of a token pays.
func (s *shop) pay(token string) (url string) {
	if s.strategy == PreDeduct {
		return s.Servers[0].AdminURL("/api/v1/reservations/" + token + "/confirm")
	}
	return "http://" + s.Servers[0].Addr + "/pay/" + token
}

// count asks the ledger, or reads the rows of the database.
func (s *shop) count(ctx context.Context) (at Stock, err error) {
	at.Units = s.Units
	if s.strategy == PreDeduct { // an edge sells its leased units; units that are pending or in limbo cannot be bought now
		a, err := s.audit(ctx)
		at.Paid, at.Stuck, at.OnSale = int64(a.Confirmed), int64(a.Pending+a.Limbo), int64(a.Free+a.Leased)
		return at, err
	}
	var pending int64
	err = s.d.db.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'paid'), count(*) FILTER (WHERE state = 'pending'),
		(SELECT remaining FROM stock) FROM orders`).Scan(&at.Paid, &pending, &at.OnSale)
	at.OnSale = max(0, at.OnSale)
	if s.strategy == peers.OrderFirst { // an unpaid order keeps a unit, which the order has deducted
		at.Stuck = pending
	}
	return at, err
}

func (s *shop) audit(ctx context.Context) (a ledger.Audit, err error) {
	conn := crowd.NewConn(ctx, s.Servers[0].Admin, auditLimit, nil)
	defer conn.Close()
	said, err := conn.Ask(http.MethodGet, "/api/v1/sales/"+rig.Sale+"/audit")
	if err == nil {
		err = json.Unmarshal(said.Body, &a)
	}
	if err == nil && !a.OK {
		err = errors.New("not every unit is there once")
	}
	if err != nil {
		return a, fmt.Errorf("audit: %v: %w", said, err)
	}
	return a, nil
}

const (
	storedEvery = 250 * time.Millisecond
	storedLimit = 20 * time.Second
	auditLimit  = 30 * time.Second
)

// settle waits until the database has every order as the ledger has it, each paid one with a serial of its own. Where there is
// no ledger, a buyer has heard its answer after the commit.
func (s *shop) settle(ctx context.Context) error {
	if s.strategy != PreDeduct {
		return nil
	}
	a, err := s.audit(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(storedLimit); ; {
		var confirmed, pending uint64
		err := s.d.db.QueryRow(ctx, `SELECT count(DISTINCT serial) FILTER (WHERE state = 'confirmed'),
			count(*) FILTER (WHERE state = 'pending') FROM orders`).Scan(&confirmed, &pending)
		if err != nil || confirmed == a.Confirmed && pending == a.Pending {
			return err
		}
		if time.Now().After(deadline) || !bench.Sleep(ctx, storedEvery) {
			return fmt.Errorf("orders: the database has %d paid and %d pending, the ledger %d and %d",
				confirmed, pending, a.Confirmed, a.Pending)
		}
	}
}

// till finds the winners among the answers and sends their payments, each at its own time.
type till struct {
	ctx    context.Context
	o      Options
	url    func(token string) string
	client *http.Client

	won     atomic.Int64
	paid    atomic.Int64 // payments taken
	refused atomic.Int64 // payments answered, and not taken
	failed  atomic.Int64 // payments without an answer, or with one that cannot be read
	due     sync.WaitGroup
}

const (
	payConnections = 512 // enough that no payer waits for another's answer, which would change the result
	payTimeout     = 10 * time.Second
	payTries       = 3
	payPause       = 100 * time.Millisecond

	// How long after the answer a payer pays, at least and at most.
	payAtLeast = 50 * time.Millisecond
	payAtMost  = 500 * time.Millisecond
)

func newTill(ctx context.Context, o Options, url func(token string) string) *till {
	return &till{ctx: ctx, o: o, url: url, client: &http.Client{Timeout: payTimeout,
		Transport: &http.Transport{MaxConnsPerHost: payConnections, MaxIdleConnsPerHost: payConnections}}}
}

// close waits for the payments and closes the connections.
func (t *till) close() {
	t.due.Wait()
	t.client.CloseIdleConnections()
}

// winner says whether the k-th winner ever pays, and how long after the answer. The seed decides that.
func (o Options) winner(k int64) (pays bool, after time.Duration) {
	r := rand.New(rand.NewPCG(o.Seed, uint64(k)))
	pays = r.IntN(100) >= o.NeverPay
	return pays, payAtLeast + time.Duration(r.Int64N(int64(payAtMost-payAtLeast)+1))
}

// note hears an answer.
func (t *till) note(a crowd.Answer) {
	if code, _ := a.Code(); a.Status != http.StatusOK || code != 1 {
		return
	}
	k := t.won.Add(1) - 1
	won, err := a.Reservation()
	if err != nil {
		t.failed.Add(1)
		return
	}
	if pays, after := t.o.winner(k); pays {
		t.due.Go(func() { t.pay(won.Token, after) })
	}
}

// pay sends a payment when it is due. Like a payment service, it sends the payment again if it gets no answer, or "not now".
// In all three strategies a repeated payment counts once.
func (t *till) pay(token string, after time.Duration) {
	for range payTries {
		if !bench.Sleep(t.ctx, after) {
			break
		}
		status, err := t.post(t.url(token))
		switch {
		case err != nil || status == http.StatusServiceUnavailable:
			after = payPause
		case status == http.StatusOK:
			t.paid.Add(1)
			return
		default:
			t.refused.Add(1)
			return
		}
	}
	t.failed.Add(1)
}

func (t *till) post(url string) (status int, err error) {
	req, err := http.NewRequestWithContext(t.ctx, http.MethodPost, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
