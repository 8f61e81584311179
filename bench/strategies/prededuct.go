package strategies

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"spike/bench"
	"spike/bench/process"
)

// edgeShop is Spike: Redis, an edge with its ring in a file, and the order worker that writes the database.
type edgeShop struct {
	o      Options
	dir    string
	book   *book
	redis  *process.Redis
	edge   *process.Edge
	orders *process.Process
}

func openEdge(ctx context.Context, o Options, p place) (shop, error) {
	s := &edgeShop{o: o, dir: p.dir, book: p.book}
	err := s.openStore(ctx)
	if err == nil {
		err = s.openOrders(ctx, p.url)
	}
	if err == nil {
		err = s.openListener(ctx)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *edgeShop) openStore(ctx context.Context) (err error) {
	if s.redis, err = process.StartRedis(ctx, s.dir, "redis"); err != nil {
		return err
	}
	return s.redis.MakeSale(ctx, s.o.Binary, sale, s.o.Units, "--hold", s.o.Hold.String())
}

// openOrders starts the worker.
func (s *edgeShop) openOrders(ctx context.Context, db string) (err error) {
	admin, err := process.FreeAddr()
	if err != nil {
		return err
	}
	s.orders, err = process.Start(ctx, process.Spec{Name: "orders", Path: s.o.Binary, Dir: s.dir, Env: []string{"SPIKE_DB=" + db},
		Args: []string{"orders", "--redis", s.redis.Addr, "--admin", admin}})
	if err != nil {
		return err
	}
	return s.orders.ReadyAt(ctx, readyLimit, admin, process.Answers("http://"+admin+"/readyz", http.StatusOK))
}

func (s *edgeShop) openListener(ctx context.Context) (err error) {
	s.edge, err = process.StartEdge(ctx, process.EdgeSpec{Name: "edge", Binary: s.o.Binary, Dir: s.dir, Redis: s.redis.Addr,
		Args: []string{"--ack", "edge"}})
	return err
}

func (s *edgeShop) buyURL() string { return "http://" + s.edge.Addr + buyPath }

func (s *edgeShop) payURL(token string) string {
	return "http://" + s.edge.Admin + "/api/v1/reservations/" + token + "/confirm"
}

// stop ends the edge first, which settles and gives back. Then it ends the worker, which stores what it has read.
func (s *edgeShop) stop() {
	if s.edge != nil {
		s.edge.Stop()
	}
	if s.orders != nil {
		s.orders.Stop()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
}

// audit is the ledger's account of every unit.
type audit struct {
	Free, Leased, Limbo, Pending, Confirmed int64
	OK                                      bool
}

func (s *edgeShop) audit(ctx context.Context) (a audit, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.edge.Admin+"/api/v1/sales/"+sale+"/audit", nil)
	if err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, fmt.Errorf("audit: %w", err)
	}
	defer resp.Body.Close()
	if err = json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return a, fmt.Errorf("audit: %s: %w", resp.Status, err)
	}
	if !a.OK {
		return a, fmt.Errorf("audit: %s: not every unit is there once: %+v", resp.Status, a)
	}
	return a, nil
}

// count asks the ledger. An edge sells its leased units; units that are pending or in limbo cannot be bought now.
func (s *edgeShop) count(ctx context.Context) (Ledger, error) {
	a, err := s.audit(ctx)
	return Ledger{Units: s.o.Units, Paid: a.Confirmed, Stuck: a.Pending + a.Limbo, OnSale: a.Free + a.Leased}, err
}

const (
	storedEvery = 250 * time.Millisecond
	storedLimit = 20 * time.Second
)

// settle waits until the database has every order as the ledger has it, each paid one with a serial of its own.
func (s *edgeShop) settle(ctx context.Context) error {
	a, err := s.audit(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(storedLimit); ; {
		confirmed, err := s.book.number(ctx, `SELECT count(DISTINCT serial) FROM orders WHERE state = 'confirmed'`)
		if err != nil {
			return err
		}
		pending, err := s.book.number(ctx, `SELECT count(*) FROM orders WHERE state = 'pending'`)
		if err != nil || confirmed == a.Confirmed && pending == a.Pending {
			return err
		}
		if time.Now().After(deadline) || !bench.Sleep(ctx, storedEvery) {
			return fmt.Errorf("orders: the database has %d paid and %d pending, the ledger %d and %d",
				confirmed, pending, a.Confirmed, a.Pending)
		}
	}
}
