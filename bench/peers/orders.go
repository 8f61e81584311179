package peers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/valyala/fasthttp"

	"spike/bench"
)

// Schema is that of a server of orders.
const Schema = `
CREATE TABLE stock (sale text PRIMARY KEY, remaining bigint NOT NULL);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sale text NOT NULL, buyer text NOT NULL,
	state text NOT NULL DEFAULT 'pending', created_at timestamptz NOT NULL DEFAULT now());`

// statements of a strategy. buy (sale, buyer) returns an order or no row: sold out. pay (order) affects one row, or
// none if that order was paid before.
type statements struct{ buy, pay string }

var (
	orderFirst = statements{
		buy: `WITH taken AS (UPDATE stock SET remaining = remaining - 1 WHERE sale = $1 AND remaining > 0 RETURNING sale)
			INSERT INTO orders (sale, buyer) SELECT sale, $2 FROM taken RETURNING id`,
		pay: `UPDATE orders SET state = 'paid' WHERE id = $1 AND state = 'pending'`}
	payFirst = statements{
		buy: `INSERT INTO orders (sale, buyer) SELECT sale, $2 FROM stock WHERE sale = $1 AND remaining > 0 RETURNING id`,
		pay: `WITH paid AS (UPDATE orders SET state = 'paid' WHERE id = $1 AND state = 'pending' RETURNING sale)
			UPDATE stock SET remaining = remaining - 1 FROM paid WHERE stock.sale = paid.sale`}
)

// MaxPool is the most connections to PostgreSQL that a server of orders may have.
const MaxPool = 64

const (
	dbTimeout = 5 * time.Second // of a call
	poolLimit = 20 * time.Second
	payPath   = "/pay/"
)

// openPool returns a pool with all its connections open, so that the first buyers do not pay for that.
func openPool(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	if o.Pool < 1 || o.Pool > MaxPool {
		return nil, fmt.Errorf("%w: pool %d is not within 1..%d", bench.ErrUsage, o.Pool, MaxPool)
	}
	cfg, err := pgxpool.ParseConfig(o.DB)
	if err != nil {
		return nil, fmt.Errorf("%w: database: %w", bench.ErrUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, poolLimit)
	defer cancel()
	cfg.MinConns, cfg.MaxConns = int32(o.Pool), int32(o.Pool)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	for err == nil && int(pool.Stat().IdleConns()) < o.Pool {
		if err = pool.Ping(ctx); err == nil && !bench.Sleep(ctx, 10*time.Millisecond) {
			err = ctx.Err()
		}
	}
	if err != nil {
		if pool != nil {
			pool.Close()
		}
		return nil, fmt.Errorf("%w: database: %w", bench.ErrDependency, err)
	}
	return pool, nil
}

// orders answers buyers from a database: GET /buy/ticket and POST /pay/ORDER. If the database does not answer, the buyer gets a
// 503.
type orders struct {
	buy func(ctx context.Context, buyer string) (order int64, err error) // 0, or pgx.ErrNoRows: there are no units
	pay func(ctx context.Context, order int64) error
}

func (sql statements) run(ctx context.Context, o Options) error {
	pool, err := openPool(ctx, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	s := orders{
		buy: func(ctx context.Context, buyer string) (id int64, err error) {
			err = pool.QueryRow(ctx, sql.buy, sale, buyer).Scan(&id)
			return id, err
		},
		pay: func(ctx context.Context, order int64) error {
			_, err := pool.Exec(ctx, sql.pay, order)
			return err
		},
	}
	return s.serve(ctx, o)
}

func (s orders) serve(ctx context.Context, o Options) error {
	return serve(ctx, o.Listen, &fasthttp.Server{Handler: s.handle, NoDefaultServerHeader: true})
}

func (s orders) handle(c *fasthttp.RequestCtx) {
	ctx, cancel := context.WithTimeout(context.Background(), dbTimeout)
	defer cancel()
	answer, err := "", error(nil)
	path := string(c.Path())
	switch order, isPay := strings.CutPrefix(path, payPath); {
	case isPay && c.IsPost() && s.pay != nil:
		answer, err = s.payFor(ctx, order)
	case path == buyPath:
		answer, err = s.buyFor(ctx, string(c.Request.Header.Peek("X-Buyer-Id")))
	}
	switch {
	case err != nil:
		c.SetStatusCode(fasthttp.StatusServiceUnavailable)
		c.SetBodyString(err.Error())
	case answer == "":
		c.SetStatusCode(fasthttp.StatusNotFound)
	default:
		c.SetContentType(jsonType)
		c.SetBodyString(answer)
	}
}

func (s orders) buyFor(ctx context.Context, buyer string) (string, error) {
	order, err := s.buy(ctx, buyer)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && order == 0 {
		return soldOut, nil
	}
	id := strconv.FormatInt(order, 10) // it is the buyer's token, too
	return `{"code":1,"msg":"抢票成功","data":{"sale":"` + sale + `","serial":` + id + `,"token":"` + id + `"}}`, err
}

func (s orders) payFor(ctx context.Context, order string) (string, error) {
	id, err := strconv.ParseInt(order, 10, 64)
	if err != nil {
		return "", nil //nolint:nilerr // there is no such order: 404
	}
	return `{"state":"paid"}`, s.pay(ctx, id)
}

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
	return orders{buy: g.buy}.serve(ctx, o)
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

// serve stores an order for each, as far as there are units.
func (g *group) serve(all []waiter) {
	buyers := make([]string, len(all))
	for i, w := range all {
		buyers[i] = w.buyer
	}
	ctx, cancel := context.WithTimeout(context.Background(), dbTimeout)
	defer cancel()
	rows, _ := g.pool.Query(ctx, groupSQL, sale, buyers) // the rows have its error, too
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for i, w := range all {
		o := ordered{err: err}
		if i < len(ids) {
			o.id = ids[i]
		}
		w.ordered <- o
	}
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
