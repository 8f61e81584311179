package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/edge"
	"spike/edge/admin"
	"spike/edge/identity"
	"spike/edge/token"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/nginx"
	"spike/order"
	"spike/order/loopback"
	"spike/order/operators/manager"
)

// ServeCmd is an edge.
type ServeCmd struct {
	storeFlag
	logFlag
	roleTokens
	Listen      string        `default:":3005" placeholder:"ADDR" help:"Where buyers connect (:3005)."`
	Admin       string        `default:"127.0.0.1:3006" empty:"" placeholder:"ADDR" help:"${admin}"`
	Node        string        `placeholder:"NAME" help:"This edge's name, for people. Default: host name and port."`
	Sales       []string      `placeholder:"NAME" help:"Sell these only. Default: every sale."`
	Ack         string        `enum:"edge,redis" default:"edge" help:"${ack}"`
	Data        string        `placeholder:"DIR" help:"Keep the ring in files here: kill -9 then loses no win. Default: memory."`
	Lease       time.Duration `default:"5s" help:"How long a lease lasts, from 3s to 1m."`
	Drain       time.Duration `default:"3s" help:"${drain}"`
	Grace       time.Duration `default:"10s" help:"How long settling and giving back may take after the drain."`
	Lang        string        `enum:"zh,en" default:"zh" help:"Language of the answers."`
	DecisionLog string        `placeholder:"FILE" help:"${decisions}"`

	TokenKey       string           `placeholder:"FILE" help:"${token_key}"`
	Production     bool             `help:"Refuse settings that are only good for trying: no --redis, a token key in the store."`
	TrustedProxies []netip.Prefix   `default:"127.0.0.0/8,::1/128" placeholder:"CIDR" help:"${trusted}"`
	CORSOrigins    []string         `name:"cors-origins" placeholder:"ORIGIN" help:"${cors_origins}"`
	RetryAfter     nginx.RetryAfter `default:"1s" placeholder:"RANGE" help:"${retry_after}"`
	BuyByPost      bool             `help:"Refuse GET of /buy/SALE, because links, crawlers and previews send it."`
	JWTKey         string           `name:"jwt-key" placeholder:"FILE" help:"${jwt_key}"`
	DB             string           `name:"db" placeholder:"URL" help:"Without --redis: keep orders in sqlite:FILE or postgres://…."`

	Config configFile `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`

	MutexProfileFraction int `default:"0" placeholder:"N" help:"Record 1 of N mutex contentions for pprof. 0: none."`
	BlockProfileRate     int `default:"0" placeholder:"NS" help:"Record blocking of at least NS nanoseconds for pprof. 0: none."`
}

// Run serves until a signal.
func (c *ServeCmd) Run(ctx context.Context, hup hangups, s *settings) error {
	log, out := c.open()
	defer out.Close()
	config, err := c.config(log)
	if err != nil {
		return err
	}
	runtime.SetMutexProfileFraction(c.MutexProfileFraction)
	runtime.SetBlockProfileRate(c.BlockProfileRate)
	store, err := c.store(ctx, log)
	if err != nil {
		return err
	}
	defer store.Close()
	missingSales(ctx, store, config.Sales, log)
	m := manager.Find(log)
	if config.Socket, err = manager.Socket(); err != nil {
		return err
	}
	if config.Socket != nil {
		config.Node = c.node(config.Socket.Addr().String())
	}
	config.Up = func(buyers, side net.Addr) { m.Up(ctx, buyers, side) }
	config.Registry = prometheus.NewRegistry()
	config.Registry.MustRegister(out.metric())
	changes := make(chan edge.Changes)
	config.Changes = changes
	go hup.each(ctx, func() { m.Reload(func() { reloadEdge(ctx, s, config.AdminTokens, changes, log) }) })
	if c.Redis != "" {
		return edge.Run(ctx, config, store, log)
	}
	return c.runEmbedded(ctx, config, store, log)
}

// config checks the settings and reads the files that they name.
func (c *ServeCmd) config(log zerolog.Logger) (edge.Config, error) {
	config := edge.Config{Listen: c.Listen, Admin: c.Admin, Node: c.node(c.Listen), Ack: edge.Ack(c.Ack), Lang: c.Lang,
		Lease: c.Lease, Drain: c.Drain, Grace: c.Grace, Bounds: ledger.DefaultBounds(), Data: c.Data,
		Decisions: c.DecisionLog, Version: version, StoreKind: "embedded", Trusted: c.TrustedProxies, Origins: c.CORSOrigins,
		BuyByPost: c.BuyByPost}
	if c.Redis != "" {
		config.StoreKind, config.StoreAddress = "redis", c.address()
	}
	config.Again.Least, config.Again.Most = c.RetryAfter.Least, c.RetryAfter.Most
	err := c.check()
	if err != nil {
		return config, err
	}
	if config.Sales, err = saleNames(c.Sales); err != nil {
		return config, err
	}
	keys, err := c.keys(log)
	if err != nil {
		return config, err
	}
	config.TokenKeys, config.JWT = keys.TokenKeys, keys.JWT
	admin, err := c.tokens()
	config.AdminTokens = loopback.NewTokens()
	config.AdminTokens.Set(admin)
	return config, err
}

func (c *ServeCmd) check() error {
	if c.Lease < 3*time.Second || c.Lease > time.Minute {
		return usagef("--lease %v is not between 3s and 1m", c.Lease)
	}
	if c.Drain < 0 || c.Drain > 5*time.Minute {
		return usagef("--drain %v is not between 0s and 5m", c.Drain)
	}
	if c.Production && c.Redis == "" {
		return usagef("--production needs --redis ADDR: without it, 10,000 made-up units are sold from memory")
	}
	for _, origin := range c.CORSOrigins {
		if err := nginx.CheckOrigin(origin); err != nil {
			return usagef("--cors-origins: %w", err)
		}
	}
	return nil
}

// keys reads token keys and JWT keys.
func (c *ServeCmd) keys(log zerolog.Logger) (keys edge.Changes, err error) {
	if keys.TokenKeys, err = c.tokenKeys(log); err != nil {
		return keys, err
	}
	keys.JWT, err = c.jwtKey(log)
	return keys, err
}

// reloadEdge reads an edge's settings again and tells the edge its new keys.
func reloadEdge(ctx context.Context, s *settings, tokens *loopback.Tokens, changes chan<- edge.Changes, log zerolog.Logger) {
	var keys edge.Changes
	ok := s.reload(tokens, log, func(fresh *cli) reloadable { return &fresh.Serve }, func(fresh *cli) (err error) {
		keys, err = fresh.Serve.keys(log)
		return err
	})
	if !ok {
		return
	}
	select {
	case changes <- keys:
	case <-ctx.Done():
	}
}

// runEmbedded runs an edge and, beside it, an order worker: no other process can reach the embedded store.
func (c *ServeCmd) runEmbedded(ctx context.Context, config edge.Config, store ledger.Store, log zerolog.Logger) error {
	var repository order.Repository // nil: the worker ends holds and stores nothing
	if c.DB != "" {
		var err error
		if repository, err = order.Open(c.DB); err != nil {
			return err
		}
		defer repository.Close()
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx)) // the worker ends after the edge, which settles last
	defer stop()
	worked := make(chan error, 1)
	go func() {
		worked <- order.Run(working, order.Config{Batch: 500, Node: config.Node, Version: version, Registry: config.Registry}, store,
			repository, log)
	}()
	err := edge.Run(ctx, config, store, log)
	stop()
	return errors.Join(err, <-worked)
}

// tokenKeys reads --token-key. With --production it must be given: every reader of the store knows a key in the store.
func (c *ServeCmd) tokenKeys(log zerolog.Logger) ([][]byte, error) {
	if c.TokenKey == "" {
		if c.Production {
			return nil, usagef("--production needs --token-key FILE (or SPIKE_TOKEN_KEY): the default is in the store")
		}
		return nil, nil
	}
	keys, warning, err := token.LoadKeys(c.TokenKey)
	warn(log, warning)
	return keys, err
}

func (c *ServeCmd) jwtKey(log zerolog.Logger) (*identity.JWTKey, error) {
	if c.JWTKey == "" {
		return nil, nil
	}
	key, warning, err := identity.LoadJWTKey(c.JWTKey)
	warn(log, warning)
	if err == nil {
		keys, others := key.Count()
		log.Info().Int("keys", keys).Int("passed_over", others).Msg("JWTs are verified")
	}
	return key, err
}

func warn(log zerolog.Logger, text string) {
	if text != "" {
		log.Warn().Msg(text)
	}
}

// store connects to Redis. Without --redis it makes an embedded store with the article's sale in it.
func (c *ServeCmd) store(ctx context.Context, log zerolog.Logger) (ledger.Store, error) {
	if c.Redis != "" {
		if c.DB != "" {
			log.Warn().Msg("--db is for the embedded store: with --redis, spike orders keeps the orders")
		}
		store, err := c.dial(ctx)
		if err != nil {
			return nil, err
		}
		for _, risk := range store.Risks(ctx) {
			log.Warn().Msg("redis: " + risk)
		}
		if c.TokenKey == "" {
			log.Warn().Msg("no --token-key: tokens are signed with a key kept in Redis; every reader of that Redis can forge them")
		}
		if c.Ack == string(edge.AckEdge) && c.Data == "" {
			log.Warn().Msg("the ring is in memory: if this process dies, wins that are not settled yet are lost (normally the last " +
				"40 ms); --data DIR keeps them, --ack redis answers after the ledger has them")
		}
		return store, nil
	}
	store := memory.New(ledger.DefaultBounds(), time.Now)
	if c.DB != "" {
		store.KeepEvents()
	}
	if _, err := store.Create(ctx, "ticket", ledger.CreateRequest{Total: 10_000, Hold: admin.DefaultHold}); err != nil {
		return nil, err
	}
	kept := "nothing"
	if c.DB != "" {
		kept = "only its orders"
	}
	log.Warn().Msg("no --redis: sale ticket has 10,000 units in this process's memory; its end keeps " + kept)
	return store, nil
}

// node names this edge. Two edges of one host differ in their addresses, or in their processes' ids.
func (c *ServeCmd) node(listen string) string {
	if c.Node != "" {
		return c.Node
	}
	name := nodeName("")
	host, port, err := net.SplitHostPort(listen)
	if err != nil { // the edge cannot listen on it, and will say so
		return name
	}
	if port == "0" {
		port = fmt.Sprintf("0-%d", os.Getpid())
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		name += "/" + host
	}
	return net.JoinHostPort(name, port)
}

// nodeName is the name that the operator gave, or the host's.
func nodeName(given string) string {
	if given != "" {
		return given
	}
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
