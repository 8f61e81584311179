package strategies

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"spike/bench/process"
)

// shop is a running strategy.
type shop interface {
	buyURL() string
	payURL(token string) string
	count(ctx context.Context) (Ledger, error)
	// settle waits until the database has what the buyers heard.
	settle(ctx context.Context) error
	stop()
}

const readyLimit = 20 * time.Second

// place is a shop's folder and database.
type place struct {
	dir  string
	url  string
	book *book
}

func openShop(ctx context.Context, o Options, strategy string, p place) (shop, error) {
	if strategy == PreDeduct {
		return openEdge(ctx, o, p)
	}
	return openDatabase(ctx, o, strategy, p)
}

// databaseShop is a server whose stock is a row of the database.
type databaseShop struct {
	o        Options
	strategy string
	book     *book
	addr     string
	server   *process.Process
}

func openDatabase(ctx context.Context, o Options, strategy string, p place) (shop, error) {
	if err := p.book.stock(ctx, o.Units); err != nil {
		return nil, err
	}
	addr, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	s := &databaseShop{o: o, strategy: strategy, book: p.book, addr: addr}
	s.server, err = process.Start(ctx, process.Spec{Name: strategy, Path: o.Binary, Dir: p.dir, Env: []string{"SPIKE_DB=" + p.url},
		Args: []string{"bench", "strategies", "server", strategy, "--listen", addr, "--pool", strconv.Itoa(o.Pool)}})
	if err != nil {
		return nil, err
	}
	// This probe buys nothing: there is no such path.
	if err = s.server.ReadyAt(ctx, readyLimit, addr, process.Answers("http://"+addr+"/", http.StatusNotFound)); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *databaseShop) buyURL() string               { return "http://" + s.addr + buyPath }
func (s *databaseShop) payURL(token string) string   { return "http://" + s.addr + payPath + token }
func (s *databaseShop) settle(context.Context) error { return nil } // a buyer hears its answer after the commit
func (s *databaseShop) stop()                        { s.server.Stop() }

// count reads the rows. An unpaid order keeps a unit if the order deducted it, and none if the payment does.
func (s *databaseShop) count(ctx context.Context) (Ledger, error) {
	l := Ledger{Units: s.o.Units}
	paid, err := s.book.number(ctx, `SELECT count(*) FROM orders WHERE state = 'paid'`)
	if err != nil {
		return l, err
	}
	remaining, err := s.book.number(ctx, `SELECT remaining FROM stock WHERE sale = $1`, sale)
	if err != nil {
		return l, err
	}
	l.Paid, l.OnSale = paid, max(0, remaining)
	if s.strategy == OrderFirst {
		l.Stuck, err = s.book.number(ctx, `SELECT count(*) FROM orders WHERE state = 'pending'`)
	}
	return l, err
}
