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
// none if that order was paid before; empty: there is no payment. buyAll (sale, buyers), if set, is for all who wait at once: it
// returns an order for each unit, as far as there are units.
type statements struct{ buy, pay, buyAll string }

var (
	orderFirst = statements{
		buy: `WITH taken AS (UPDATE stock SET remaining = remaining - 1 WHERE sale = $1 AND remaining > 0 RETURNING sale)
			INSERT INTO orders (sale, buyer) SELECT sale, $2 FROM taken RETURNING id`,
		pay: `UPDATE orders SET state = 'paid' WHERE id = $1 AND state = 'pending'`}
	payFirst = statements{
		buy: `INSERT INTO orders (sale, buyer) SELECT sale, $2 FROM stock WHERE sale = $1 AND remaining > 0 RETURNING id`,
		pay: `WITH paid AS (UPDATE orders SET state = 'paid' WHERE id = $1 AND state = 'pending' RETURNING sale)
			UPDATE stock SET remaining = remaining - 1 FROM paid WHERE stock.sale = paid.sale`}
	// The first strategy's row, with one commit for a group. PostgreSQL cannot group such commits by itself, because each keeps the
	// row's lock until it is on disk.
	grouped = statements{
		buyAll: `WITH stocked AS (SELECT sale, least(remaining, cardinality($2::text[])) AS n
				FROM stock WHERE sale = $1 FOR UPDATE),
			taken AS (UPDATE stock s SET remaining = s.remaining - stocked.n FROM stocked WHERE s.sale = stocked.sale
				RETURNING stocked.n)
			INSERT INTO orders (sale, buyer) SELECT $1, unnest(($2::text[])[1:n]) FROM taken RETURNING id`}
)

// MaxPool is the most connections to PostgreSQL that a server of orders may have.
const MaxPool = 64

const (
	dbTimeout = 5 * time.Second // of a call
	poolLimit = 20 * time.Second
	maxGroup  = 512
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
		bench.Sleep(ctx, 10*time.Millisecond)
		err = pool.Ping(ctx)
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
	statements
	pool    *pgxpool.Pool
	waiting chan *waiter // for buyAll
}

// waiter is a buyer who waits. When it is done, it has an order, or 0 if there are no units.
type waiter struct {
	buyer string
	done  chan struct{}
	order int64
	err   error
}

func (sql statements) run(ctx context.Context, o Options) error {
	pool, err := openPool(ctx, o)
	if err != nil {
		return err
	}
	defer pool.Close()
	s := orders{sql, pool, make(chan *waiter, 4*maxGroup)}
	working, end := context.WithCancel(context.WithoutCancel(ctx)) // it goes on while the last buyers are answered
	var running sync.WaitGroup
	running.Go(func() { s.serveGroups(working) })
	defer running.Wait()
	defer end()
	return serve(ctx, o.Listen, &fasthttp.Server{Handler: s.handle, NoDefaultServerHeader: true})
}

func (s orders) handle(c *fasthttp.RequestCtx) {
	ctx, cancel := context.WithTimeout(context.Background(), dbTimeout)
	defer cancel()
	answer, err := "", error(nil)
	path := string(c.Path())
	switch order, isPay := strings.CutPrefix(path, payPath); {
	case isPay && c.IsPost() && s.pay != "":
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

func (s orders) payFor(ctx context.Context, order string) (string, error) {
	id, err := strconv.ParseInt(order, 10, 64)
	if err != nil {
		return "", nil //nolint:nilerr // there is no such order: 404
	}
	_, err = s.pool.Exec(ctx, s.pay, id)
	return `{"state":"paid"}`, err
}

func (s orders) buyFor(ctx context.Context, buyer string) (_ string, err error) {
	var order int64
	if s.buyAll != "" {
		order, err = s.wait(ctx, buyer)
	} else {
		err = s.pool.QueryRow(ctx, s.buy, sale, buyer).Scan(&order)
	}
	if errors.Is(err, pgx.ErrNoRows) || err == nil && order == 0 {
		return soldOut, nil
	}
	id := strconv.FormatInt(order, 10) // it is the buyer's token, too
	return won + id + `,"token":"` + id + `"}}`, err
}

// wait waits for an order of a group. 0: there are no units.
func (s orders) wait(ctx context.Context, buyer string) (int64, error) {
	w := &waiter{buyer: buyer, done: make(chan struct{})}
	select {
	case s.waiting <- w:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case <-w.done:
		return w.order, w.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// serveGroups serves all who wait, again and again until ctx ends.
func (s orders) serveGroups(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.waiting:
			group := []*waiter{first}
			for range min(len(s.waiting), maxGroup-1) {
				group = append(group, <-s.waiting)
			}
			s.serveGroup(group)
		}
	}
}

// serveGroup stores an order for each, as far as there are units.
func (s orders) serveGroup(group []*waiter) {
	var buyers []string
	for _, w := range group {
		buyers = append(buyers, w.buyer)
	}
	ctx, cancel := context.WithTimeout(context.Background(), dbTimeout)
	defer cancel()
	rows, _ := s.pool.Query(ctx, s.buyAll, sale, buyers) // the rows have its error, too
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for i, w := range group {
		if w.err = err; i < len(ids) {
			w.order = ids[i]
		}
		close(w.done)
	}
}
