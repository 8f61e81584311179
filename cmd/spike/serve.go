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
)

// ServeCmd is an edge.
type ServeCmd struct {
	storeFlag
	logFlag
	adminTokens
	Listen      string        `default:":3005" placeholder:"ADDR" help:"Where buyers come in (:3005)."`
	Admin       string        `default:"127.0.0.1:3006" empty:"" placeholder:"ADDR" help:"Where operators come in (127.0.0.1:3006); empty: nowhere."`
	Node        string        `placeholder:"NAME" help:"This edge's name, for people. Default: host name and port."`
	Sales       []string      `placeholder:"NAME" help:"Sell these only. Default: every sale."`
	Ack         string        `enum:"edge,redis" default:"edge" help:"When a buyer hears \"won\": edge (in this edge's ring) or redis (in the ledger)."`
	Data        string        `placeholder:"DIR" help:"Keep the ring in files here: kill -9 then loses no win. Default: memory."`
	Lease       time.Duration `default:"5s" help:"How long a lease lasts, from 3s to 1m."`
	Drain       time.Duration `default:"3s" help:"How long an edge that ends goes on answering: longer than a balancer may keep out the edge that was restarted before. From 0s to 5m."`
	Grace       time.Duration `default:"10s" help:"For settling and giving back after that."`
	Lang        string        `enum:"zh,en" default:"zh" help:"Language of the answers."`
	DecisionLog string        `placeholder:"FILE" help:"Log every decision as the article does (result:1,localSales:17); - is standard output."`

	TokenKey       string         `placeholder:"FILE" help:"Keys that sign tokens, one a line, or the keys themselves (in SPIKE_TOKEN_KEY, not here: others would see them). The first signs, all are accepted. Default: one in the store."`
	Production     bool           `help:"Refuse to start with what is only good for trying: no --redis, a token key kept in the store."`
	TrustedProxies []netip.Prefix `default:"127.0.0.0/8,::1/128" placeholder:"CIDR" help:"Networks whose X-Buyer-Id is believed (127.0.0.0/8,::1/128)."`
	CORSOrigins    []string       `name:"cors-origins" placeholder:"ORIGIN" help:"Sites whose pages may buy (https://shop.example). Where nginx stands in front, its topology says it. Default: none."`
	JWTKey         string         `name:"jwt-key" placeholder:"FILE" help:"Verify bearer tokens with this: public key (PEM), JWK set (JSON) or secret; their sub is the buyer."`
	DB             string         `name:"db" placeholder:"URL" help:"Without --redis: keep orders here, sqlite:FILE or postgres://…."`

	Config configFile `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`

	MutexProfileFraction int `default:"0" placeholder:"N" help:"Record 1 of N mutex contentions for pprof; 0: none."`
	BlockProfileRate     int `default:"0" placeholder:"NS" help:"Record blocking of NS nanoseconds and more for pprof; 0: none."`
}

// Run serves until a signal.
func (c *ServeCmd) Run(ctx context.Context, hup hangups, s *settings) error {
	log, out := c.open()
	defer out.Close()
	if c.Lease < 3*time.Second || c.Lease > time.Minute {
		return fmt.Errorf("%w: --lease %v is not between 3s and 1m", errUsage, c.Lease)
	}
	if c.Drain < 0 || c.Drain > 5*time.Minute {
		return fmt.Errorf("%w: --drain %v is not between 0s and 5m", errUsage, c.Drain)
	}
	if c.Production && c.Redis == "" {
		return fmt.Errorf("%w: --production needs --redis ADDR: else 10,000 made-up units are sold from memory", errUsage)
	}
	sales, err := saleNames(c.Sales)
	if err != nil {
		return err
	}
	for _, origin := range c.CORSOrigins {
		if err := nginx.CheckOrigin(origin); err != nil {
			return fmt.Errorf("%w: --cors-origins: %w", errUsage, err)
		}
	}
	keys, err := c.tokenKeys(log)
	if err != nil {
		return err
	}
	jwt, err := c.jwtKey(log)
	if err != nil {
		return err
	}
	admin, err := c.tokens()
	if err != nil {
		return err
	}
	runtime.SetMutexProfileFraction(c.MutexProfileFraction)
	runtime.SetBlockProfileRate(c.BlockProfileRate)
	if c.Redis != "" && c.DB != "" {
		log.Warn().Msg("--db is for the embedded store: with --redis it is spike orders that keeps the orders")
	}
	store, err := c.store(ctx, log)
	if err != nil {
		return err
	}
	defer store.Close()
	missingSales(ctx, store, sales, log)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(out.metric())
	tokens, changes := loopback.NewTokens(admin...), make(chan edge.Changes)
	go hup.each(ctx, func() {
		var change edge.Changes
		ok := s.reload(tokens, log, func(fresh *cli) reloadable { return &fresh.Serve }, func(fresh *cli) (err error) {
			change, err = fresh.Serve.rest(log)
			return err
		})
		if !ok {
			return
		}
		select {
		case changes <- change:
		case <-ctx.Done():
		}
	})
	serve := func(ctx context.Context) error {
		return edge.Run(ctx, edge.Config{Listen: c.Listen, Admin: c.Admin, AdminTokens: tokens, Node: c.node(),
			Sales: sales, Ack: edge.Ack(c.Ack), Lang: c.Lang, Lease: c.Lease, Drain: c.Drain, Grace: c.Grace,
			Bounds: ledger.DefaultBounds(), Data: c.Data, Decisions: c.DecisionLog, Version: version,
			TokenKeys: keys, Trusted: c.TrustedProxies, JWT: jwt, Origins: c.CORSOrigins, Registry: metrics, Changes: changes}, store, log)
	}
	if c.Redis != "" {
		return serve(ctx)
	}
	return c.alone(ctx, store, metrics, log, serve)
}

// rest reads token keys and JWT keys again.
func (c *ServeCmd) rest(log zerolog.Logger) (change edge.Changes, err error) {
	if change.TokenKeys, err = c.tokenKeys(log); err != nil {
		return change, err
	}
	change.JWT, err = c.jwtKey(log)
	return change, err
}

// alone does the order workers' work beside the edge: nobody else can reach the embedded store.
func (c *ServeCmd) alone(ctx context.Context, store ledger.Store, metrics *prometheus.Registry, log zerolog.Logger,
	serve func(context.Context) error) error {
	var book order.Repository // none: holds end, and that is all
	if c.DB != "" {
		var err error
		if book, err = order.Open(c.DB); err != nil {
			return err
		}
		defer book.Close()
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx)) // the worker ends after the edge, which settles last
	defer stop()
	worked := make(chan error, 1)
	go func() { worked <- order.Run(working, order.Config{Batch: 500, Registry: metrics}, store, book, log) }()
	err := serve(ctx)
	stop()
	return errors.Join(err, <-worked)
}

// tokenKeys reads --token-key. In production there must be one: a key in the store is known to whoever reads the store.
func (c *ServeCmd) tokenKeys(log zerolog.Logger) ([][]byte, error) {
	if c.TokenKey == "" {
		if c.Production {
			return nil, fmt.Errorf("%w: --production needs --token-key FILE (or SPIKE_TOKEN_KEY): else the key lies in the store", errUsage)
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

// store is Redis, or else the embedded one with the article's sale in it.
func (c *ServeCmd) store(ctx context.Context, log zerolog.Logger) (ledger.Store, error) {
	if c.Redis != "" {
		store, err := c.dial(ctx)
		if err != nil {
			return nil, err
		}
		for _, risk := range store.Risks(ctx) {
			log.Warn().Msg("redis: " + risk)
		}
		if c.TokenKey == "" {
			log.Warn().Msg("no --token-key: tokens are signed with a key kept in Redis; who reads that Redis can forge them")
		}
		if c.Ack == string(edge.AckEdge) && c.Data == "" {
			log.Warn().Msg("the ring is in memory: wins not settled yet (normally the last 40 ms) die with this process; --data DIR keeps them, --ack redis tells buyers after the ledger has them")
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
	kept := "nothing is"
	if c.DB != "" {
		kept = "only its orders are"
	}
	log.Warn().Msg("no --redis: sale ticket has 10,000 units in this process's memory; " + kept + " kept after exit")
	return store, nil
}

// node names this edge: among edges of one host their addresses differ, or their processes.
func (c *ServeCmd) node() string {
	if c.Node != "" {
		return c.Node
	}
	name, err := os.Hostname()
	if err != nil {
		name = "edge"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil { // it cannot be listened on, which is said elsewhere
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
