package strategies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// shop is a running strategy.
type shop interface {
	pay(token string) (url string)
	count(ctx context.Context) (Stock, error)
	settle(ctx context.Context) error // waits until the database has what the buyers heard
}

// openShop starts a strategy. Its servers are the site.
func (o Options) openShop(ctx context.Context, program, strategy, dir string, d *Database) (*rig.Site, shop, error) {
	if strategy == PreDeduct {
		site, err := rig.Open(ctx, rig.SiteOptions{Binary: program, Dir: dir, Units: o.Units, Make: []string{"--hold", o.Hold.String()},
			Database: d.url, Servers: []rig.Options{{Args: []string{"--ack", "edge"}}}})
		if err != nil {
			return nil, nil, err
		}
		return site, &edgeShop{o.Units, site.Servers[0], d}, nil
	}
	server, err := d.Serve(ctx, strategy, o.Units, o.Pool, rig.Options{Binary: program, Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	return &rig.Site{Servers: []*rig.Server{server}}, &databaseShop{o.Units, strategy, server, d}, nil
}

// databaseShop has its stock in a row of the database.
type databaseShop struct {
	units    int64
	strategy string
	server   *rig.Server
	d        *Database
}

func (s *databaseShop) pay(token string) string      { return "http://" + s.server.Addr + "/pay/" + token }
func (s *databaseShop) settle(context.Context) error { return nil } // a buyer hears its answer after the commit

// count reads the rows. An unpaid order keeps a unit if the order deducted it, and none if the payment does.
func (s *databaseShop) count(ctx context.Context) (Stock, error) {
	at := Stock{Units: s.units}
	var pending int64
	err := s.d.db.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'paid'), count(*) FILTER (WHERE state = 'pending'),
		(SELECT remaining FROM stock) FROM orders`).Scan(&at.Paid, &pending, &at.OnSale)
	at.OnSale = max(0, at.OnSale)
	if s.strategy == peers.OrderFirst {
		at.Stuck = pending
	}
	return at, err
}

// edgeShop is Spike: Redis, an edge with its ring in a file, and the order worker that writes the database.
type edgeShop struct {
	units int64
	edge  *rig.Server
	d     *Database
}

func (s *edgeShop) pay(token string) string {
	return s.edge.AdminURL("/api/v1/reservations/" + token + "/confirm")
}

// audit is the ledger's account of every unit.
func (s *edgeShop) audit(ctx context.Context) (a ledger.Audit, err error) {
	conn := crowd.NewConn(ctx, s.edge.Admin, auditLimit, nil)
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

// count asks the ledger. An edge sells its leased units; units that are pending or in limbo cannot be bought now.
func (s *edgeShop) count(ctx context.Context) (Stock, error) {
	a, err := s.audit(ctx)
	return Stock{Units: s.units, Paid: int64(a.Confirmed), Stuck: int64(a.Pending + a.Limbo), OnSale: int64(a.Free + a.Leased)}, err
}

const (
	storedEvery = 250 * time.Millisecond
	storedLimit = 20 * time.Second
	auditLimit  = 30 * time.Second
)

// settle waits until the database has every order as the ledger has it, each paid one with a serial of its own.
func (s *edgeShop) settle(ctx context.Context) error {
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
