package peers

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// groupSQL buys a unit for each buyer of $2, as far as there are units. It returns one order for each unit.
const groupSQL = `WITH stocked AS (SELECT sale, least(remaining, cardinality($2::text[])) AS n
		FROM stock WHERE sale = $1 FOR UPDATE),
	taken AS (UPDATE stock s SET remaining = s.remaining - stocked.n FROM stocked WHERE s.sale = stocked.sale RETURNING stocked.n)
	INSERT INTO orders (sale, buyer) SELECT $1, unnest(($2::text[])[1:n]) FROM taken RETURNING id`

const maxGroup = 512

// group buys for all who wait at once: the first strategy's row, with one commit for all of them. PostgreSQL cannot group such
// commits by itself, because each keeps the row's lock until it is on disk.
type group struct {
	pool    *pgxpool.Pool
	waiting chan waiter
}

// waiter is a buyer who waits. ordered gets its order, or 0 if there are no units.
type waiter struct {
	buyer   string
	ordered chan ordered
}

type ordered struct {
	id  int64
	err error
}

func runGrouped(ctx context.Context, o Options) error {
	pool, err := openPool(ctx, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	g := &group{pool, make(chan waiter, 4*maxGroup)}
	working, end := context.WithCancel(context.WithoutCancel(ctx)) // it goes on while the last buyers are answered
	var running sync.WaitGroup
	running.Go(func() { g.run(working) })
	defer running.Wait()
	defer end()
	return serve(ctx, o.Listen, orders{buy: g.buy}.server())
}

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
func (g *group) gather(first waiter) []waiter {
	all := []waiter{first}
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

func (g *group) serve(all []waiter) {
	buyers := make([]string, len(all))
	for i, w := range all {
		buyers[i] = w.buyer
	}
	ids, err := g.store(buyers)
	for i, w := range all {
		o := ordered{err: err}
		if i < len(ids) {
			o.id = ids[i]
		}
		w.ordered <- o
	}
}

func (g *group) store(buyers []string) ([]int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dbTimeout)
	defer cancel()
	rows, err := g.pool.Query(ctx, groupSQL, sale, buyers)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// buy waits for an order. 0: there are no units.
func (g *group) buy(ctx context.Context, buyer string) (int64, error) {
	w := waiter{buyer, make(chan ordered, 1)}
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
