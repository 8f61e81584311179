package strategies

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/valyala/fasthttp"

	"spike/bench/crowd"

	"spike/bench"
)

// ErrUnknown means that there is no such server.
var ErrUnknown = fmt.Errorf("%w: a server of orders is %s or %s", bench.ErrUsage, OrderFirst, PayFirst)

// schema is for the two strategies that use only the database.
const schema = `
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

// ServerOptions are the options of a server of orders.
type ServerOptions struct {
	Listen string
	DB     string // postgres://…, with the schema and the stock in it
	Pool   int
}

// Serve runs the server of a strategy until ctx ends: GET /buy/ticket and POST /pay/ORDER.
func Serve(ctx context.Context, name string, o ServerOptions) error {
	sql, ok := strategySQL[name]
	if !ok && name != Grouped {
		return fmt.Errorf("%w, not %q", ErrUnknown, name)
	}
	if o.Pool < 1 || o.Pool > maxPool {
		return fmt.Errorf("%w: pool %d is not within 1..%d", ErrOptions, o.Pool, maxPool)
	}
	pool, err := openPool(ctx, o)
	if err != nil {
		return fmt.Errorf("%w: database: %w", bench.ErrDependency, err)
	}
	defer pool.Close()
	s := &server{sql: sql, pool: pool}
	if name == Grouped {
		s.group = newGroup(pool)
		ctx, end := context.WithCancel(context.WithoutCancel(ctx)) // it goes on while the last buyers are answered
		var running sync.WaitGroup
		running.Go(func() { s.group.run(ctx) })
		defer running.Wait()
		defer end()
	}
	return s.listen(ctx, o.Listen)
}

// openPool returns a pool with all its connections open, so that the first buyers do not pay for that.
func openPool(ctx context.Context, o ServerOptions) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(o.DB)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	cfg.MinConns, cfg.MaxConns = int32(o.Pool), int32(o.Pool)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	for err == nil && int(pool.Stat().IdleConns()) < o.Pool {
		if err = pool.Ping(ctx); err == nil && !bench.Sleep(ctx, 10*time.Millisecond) {
			err = ctx.Err()
		}
	}
	if err != nil && pool != nil {
		pool.Close()
	}
	return pool, err
}

// server answers buyers. If the database does not answer, the buyer gets a 503, which is counted: a run with faults is no
// result.
type server struct {
	sql   statements
	pool  *pgxpool.Pool
	group *group // nil: each buy commits by itself
}

const callTimeout = 5 * time.Second

func (s *server) listen(ctx context.Context, addr string) error {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	http := &fasthttp.Server{Handler: s.handle, NoDefaultServerHeader: true,
		ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	gone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(gone); _ = http.Shutdown() })
	err = http.Serve(l)
	if !stop() {
		<-gone // no handler uses a connection any more
	}
	return err
}

func (s *server) handle(c *fasthttp.RequestCtx) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var err error
	path := string(c.Path())
	switch order, isPay := strings.CutPrefix(path, payPath); {
	case isPay && c.IsPost():
		err = s.pay(ctx, c, order)
	case path == buyPath:
		err = s.buy(ctx, c)
	default:
		c.SetStatusCode(fasthttp.StatusNotFound)
	}
	if err != nil {
		c.SetStatusCode(fasthttp.StatusServiceUnavailable)
		c.SetBodyString(err.Error())
	}
}

const (
	sale     = "ticket"
	buyPath  = "/buy/" + sale
	payPath  = "/pay/"
	jsonType = "application/json; charset=utf-8"
)

func (s *server) buy(ctx context.Context, c *fasthttp.RequestCtx) error {
	order, err := s.order(ctx, string(c.Request.Header.Peek(crowd.BuyerHeader)))
	c.SetContentType(jsonType)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && order == 0:
		c.SetBodyString(`{"code":-1,"msg":"已售罄"}`)
	case err != nil:
		return err
	default:
		c.SetBodyString(fmt.Sprintf(`{"code":1,"msg":"抢票成功","data":{"sale":%q,"serial":%d,"token":"%d"}}`, sale, order, order))
	}
	return nil
}

func (s *server) order(ctx context.Context, buyer string) (id int64, err error) {
	if s.group != nil {
		return s.group.buy(ctx, buyer)
	}
	err = s.pool.QueryRow(ctx, s.sql.buy, sale, buyer).Scan(&id)
	return id, err
}

func (s *server) pay(ctx context.Context, c *fasthttp.RequestCtx, order string) error {
	id, err := strconv.ParseInt(order, 10, 64)
	if err != nil {
		c.SetStatusCode(fasthttp.StatusNotFound)
		return nil
	}
	_, err = s.pool.Exec(ctx, s.sql.pay, id)
	c.SetContentType(jsonType)
	c.SetBodyString(`{"state":"paid"}`)
	return err
}
