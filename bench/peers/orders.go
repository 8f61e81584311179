package peers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

var strategySQL = map[string]statements{
	OrderFirst: {
		buy: `WITH taken AS (UPDATE stock SET remaining = remaining - 1 WHERE sale = $1 AND remaining > 0 RETURNING sale)
			INSERT INTO orders (sale, buyer) SELECT sale, $2 FROM taken RETURNING id`,
		pay: `UPDATE orders SET state = 'paid' WHERE id = $1 AND state = 'pending'`,
	},
	PayFirst: {
		buy: `INSERT INTO orders (sale, buyer) SELECT sale, $2 FROM stock WHERE sale = $1 AND remaining > 0 RETURNING id`,
		pay: `WITH paid AS (UPDATE orders SET state = 'paid' WHERE id = $1 AND state = 'pending' RETURNING sale)
			UPDATE stock SET remaining = remaining - 1 FROM paid WHERE stock.sale = paid.sale`,
	},
}

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

func runOrders(ctx context.Context, o Options, sql statements) error {
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
	return serve(ctx, o.Listen, s.server())
}

func (s orders) server() *fasthttp.Server {
	return &fasthttp.Server{Handler: s.handle, NoDefaultServerHeader: true}
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
