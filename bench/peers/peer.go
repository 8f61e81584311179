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

// Names of the peers, cheapest first.
const (
	Bare      = "bare"
	OneScript = "onescript"
	Article   = "article"
)

// ErrUnknown means that there is no peer of that name.
var ErrUnknown = fmt.Errorf("%w: no such peer: bare, onescript or article", bench.ErrUsage)

// Options of a peer. A peer ignores options that it does not use.
type Options struct {
	Listen     string
	Redis      string // onescript, article: host:port
	Answer     Answer // bare
	Log        string // article: file that gets a line per request; empty: none
	LocalStock int64  // article: units its local counter lets through to Redis
}

// Run serves until ctx ends.
func Run(ctx context.Context, name string, o Options) error {
	switch name {
	case Bare:
		return serve(ctx, o.Listen, o.Answer.server())
	case OneScript:
		return runOneScript(ctx, o)
	case Article:
		return runArticle(ctx, o)
	}
	return fmt.Errorf("%w: %q", ErrUnknown, name)
}

// buyPath is the path at which every peer sells: the article's sale.
const buyPath = "/buy/ticket"

// serve runs a fasthttp server until ctx ends. Like the edge it has timeouts. Each costs a deadline per request, and the
// floor must pay for it, too.
func serve(ctx context.Context, addr string, s *fasthttp.Server) error {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 30*time.Second, 10*time.Second, time.Minute
	stop := context.AfterFunc(ctx, func() { _ = s.Shutdown() })
	defer stop()
	return s.Serve(l)
}

// connect opens the store of a peer that has one.
func connect(o Options) (rueidis.Client, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{o.Redis}, DisableCache: true, ConnWriteTimeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("%w: redis %s: %w", bench.ErrDependency, o.Redis, err)
	}
	return c, nil
}
