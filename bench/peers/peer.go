package peers

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/redis/rueidis"
	"github.com/valyala/fasthttp"

	"spike/bench"
)

// Names of the peers.
const (
	Bare       = "bare"
	OneScript  = "onescript"
	Article    = "article"
	OrderFirst = "order-then-deduct"
	PayFirst   = "pay-then-deduct"
	Grouped    = "grouped"
)

var peers = map[string]func(context.Context, Options) error{
	Bare:       func(ctx context.Context, o Options) error { return serve(ctx, o.Listen, o.Answer.server()) },
	OneScript:  runOneScript,
	Article:    runArticle,
	OrderFirst: orderFirst.run,
	PayFirst:   payFirst.run,
	Grouped:    runGrouped,
}

// Options of a peer. A peer ignores options that it does not use.
type Options struct {
	Listen     string
	Redis      string // onescript, article: host:port
	Answer     Answer // bare
	Log        string // article: file that gets a line per request; empty: none
	LocalStock int64  // article: units its local counter lets through to Redis
	DB         string // servers of orders: postgres://…, with [Schema] and the stock in it
	Pool       int    // servers of orders: connections to it
}

// Run serves until ctx ends.
func Run(ctx context.Context, name string, o Options) error {
	run, known := peers[name]
	if !known {
		return fmt.Errorf("%w: no such peer: %q", bench.ErrUsage, name)
	}
	return run(ctx, o)
}

// sale is the article's, and the only one.
const (
	sale    = "ticket"
	buyPath = "/buy/" + sale
)

// serve runs a fasthttp server until ctx ends and no handler is at work. Like the edge it has timeouts. Each costs a deadline
// per request, and the floor must pay for it, too.
func serve(ctx context.Context, addr string, s *fasthttp.Server) error {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 30*time.Second, 10*time.Second, time.Minute
	gone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(gone); _ = s.Shutdown() })
	err = s.Serve(l)
	if !stop() {
		<-gone
	}
	return err
}

func connect(o Options) (rueidis.Client, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{o.Redis}, DisableCache: true, ConnWriteTimeout: callTimeout})
	if err != nil {
		return nil, fmt.Errorf("%w: redis %s: %w", bench.ErrDependency, o.Redis, err)
	}
	return c, nil
}
