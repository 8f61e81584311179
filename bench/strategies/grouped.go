package strategies

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"spike/bench/process"
)

// Grouped is a strategy that only `spike bench durable` measures: the first one's row, with one commit for all who wait.
// PostgreSQL cannot group such commits by itself, because each keeps the row's lock until it is on disk.
const Grouped = "grouped"

// groupSQL buys a unit for each buyer of $2, as far as there are units. It returns one order for each unit.
const groupSQL = `WITH stocked AS (SELECT sale, least(remaining, cardinality($2::text[])) AS n
		FROM stock WHERE sale = $1 FOR UPDATE),
	taken AS (UPDATE stock s SET remaining = s.remaining - stocked.n FROM stocked WHERE s.sale = stocked.sale RETURNING stocked.n)
	INSERT INTO orders (sale, buyer) SELECT $1, unnest(($2::text[])[1:n]) FROM taken RETURNING id`

const maxGroup = 512

// group buys for all who wait at once.
type group struct {
	pool    *pgxpool.Pool
	waiting chan waiting
}

// waiting is a buyer who waits. ordered gets its order, or 0 if there are no units.
type waiting struct {
	buyer   string
	ordered chan orderOf
}

type orderOf struct {
	id  int64
	err error
}

func newGroup(pool *pgxpool.Pool) *group { return &group{pool, make(chan waiting, 4*maxGroup)} }

// run serves groups until ctx ends.
func (g *group) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-g.waiting:
			g.serve(g.gather(first))
		}
	}
}

// gather takes those who wait now.
func (g *group) gather(first waiting) []waiting {
	all := []waiting{first}
	for len(all) < maxGroup {
		select {
		case next := <-g.waiting:
			all = append(all, next)
		default:
			return all
		}
	}
	return all
}

func (g *group) serve(all []waiting) {
	buyers := make([]string, len(all))
	for i, w := range all {
		buyers[i] = w.buyer
	}
	ids, err := g.store(buyers)
	for i, w := range all {
		o := orderOf{err: err}
		if i < len(ids) {
			o.id = ids[i]
		}
		w.ordered <- o
	}
}

func (g *group) store(buyers []string) (ids []int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	rows, err := g.pool.Query(ctx, groupSQL, sale, buyers)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err = rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// buy waits for an order. 0: there are no units.
func (g *group) buy(ctx context.Context, buyer string) (int64, error) {
	w := waiting{buyer, make(chan orderOf, 1)}
	select {
	case g.waiting <- w:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case o := <-w.ordered:
		return o.id, o.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// GroupedShop is a running server of the grouped strategy, on a PostgreSQL of its own.
type GroupedShop struct {
	pg   *Postgres
	book *book
	shop *databaseShop
}

// OpenGrouped starts a PostgreSQL and the server. dir must be open to other users: see [StartPostgres].
func OpenGrouped(ctx context.Context, binary, dir string, units int64) (*GroupedShop, error) {
	pg, err := StartPostgres(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &GroupedShop{pg: pg}
	if err = s.open(ctx, binary, dir, units); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s: %w", Grouped, err)
	}
	return s, nil
}

func (s *GroupedShop) open(ctx context.Context, binary, dir string, units int64) (err error) {
	if err = s.pg.Create(ctx, Grouped); err != nil {
		return err
	}
	p := place{dir: dir, url: s.pg.URL(Grouped)}
	if s.book, err = openBook(ctx, p.url); err != nil {
		return err
	}
	p.book = s.book
	shop, err := openDatabase(ctx, Options{Binary: binary, Units: units, Pool: 2}, Grouped, p)
	if err == nil {
		s.shop = shop.(*databaseShop)
	}
	return err
}

// URL is where to buy.
func (s *GroupedShop) URL() string { return s.shop.buyURL() }

// Server is the process that answers buyers.
func (s *GroupedShop) Server() *process.Process { return s.shop.server }

// Ordered is how many orders there are.
func (s *GroupedShop) Ordered(ctx context.Context) (int64, error) {
	return s.book.number(ctx, `SELECT count(*) FROM orders`)
}

// Stop ends both.
func (s *GroupedShop) Stop() {
	if s.shop != nil {
		s.shop.stop()
	}
	if s.book != nil {
		s.book.close()
	}
	s.pg.Stop()
}
