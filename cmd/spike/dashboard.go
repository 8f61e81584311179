package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"
	"github.com/rs/zerolog"

	"spike/edge"
	"spike/edge/admin"
	"spike/edge/dashboard"
	"spike/luascripts"
	"spike/luascripts/beater"
	"spike/luascripts/ledger"
	"spike/order/loopback"
	"spike/order/operators"
	"spike/order/operators/manager"
)

// DashboardCmd is the operators' side of an edge, without the edge.
type DashboardCmd struct {
	storeFlag
	logFlag
	roleTokens
	Listen string     `default:"127.0.0.1:3008" env:"SPIKE_DASHBOARD_LISTEN" placeholder:"ADDR" help:"${dashboard}"`
	Node   string     `placeholder:"NAME" help:"This dashboard's name, for people. Default: the host's."`
	Config configFile `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`
}

// Run serves until a signal.
func (c *DashboardCmd) Run(ctx context.Context, hup hangups, s *settings) error {
	log, out := c.open()
	defer out.Close()
	secrets, err := c.tokens()
	if err != nil {
		return err
	}
	tokens := loopback.NewTokens()
	tokens.Set(secrets)
	listener, err := admin.Listen(c.Listen, tokens)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	store, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	m := manager.Find(log)
	go hup.each(ctx, func() {
		m.Reload(func() { s.reload(tokens, log, func(fresh *cli) reloadable { return &fresh.Dashboard }) })
	})
	looker := dashboard.NewLooker(c.look(store, log))
	side := dashboardSide(store, tokens, looker, out.metric(), log)
	defer c.beater(store, side.Ready, log).Begin()()
	log.Info().Str("listen", listener.Addr().String()).Msg("dashboard is up")
	m.Up(ctx, nil, listener.Addr())
	return serveDashboard(ctx, side, listener, looker)
}

// beater is the dashboard's own beat.
func (c *DashboardCmd) beater(store *luascripts.Redis, unready func(context.Context) string, log zerolog.Logger) *beater.Beater {
	return &beater.Beater{Store: store, Log: log,
		Who: ledger.Beat{Kind: ledger.DashboardKind, Instance: rand.Text(), Node: nodeName(c.Node), Version: version},
		Look: func(ctx context.Context, b *ledger.Beat) []ledger.Entry {
			b.Why = unready(ctx)
			b.Ready = b.Why == ""
			return nil
		}}
}

// look is what a looker looks at.
func (f storeFlag) look(store *luascripts.Redis, log zerolog.Logger) dashboard.Config {
	return dashboard.Config{Store: store, Kind: "redis", Address: f.address(), Version: version,
		Bounds: ledger.DefaultBounds(), Log: log}
}

// address is the store's address without its secrets.
func (f storeFlag) address() string {
	o, err := redisOptions(f.Redis)
	if err != nil { // then there is no store either
		return ""
	}
	return withoutSecrets(o)
}

func withoutSecrets(o rueidis.ClientOption) string {
	all := strings.Join(o.InitAddress, ",")
	if o.Sentinel.MasterSet != "" {
		return o.Sentinel.MasterSet + " by Sentinel " + all
	}
	return all
}

// dashboardSide is the operators' side of a dashboard. It is ready while the store answers.
func dashboardSide(store *luascripts.Redis, tokens *loopback.Tokens, looker *dashboard.Looker, more prometheus.Collector,
	log zerolog.Logger) *admin.Side {
	pulse := operators.NewPulse(store.Ping)
	unready := func(ctx context.Context) string {
		if err := pulse.Err(ctx); err != nil {
			return "store: " + err.Error()
		}
		return ""
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(append(operators.Common(version, unready), more)...)
	return &admin.Side{Store: store, Log: log, Tokens: tokens, Ready: unready, Metrics: metrics, Document: edge.Document(version),
		Pages: dashboard.Pages(), Looks: looker.Routes()}
}

// serveDashboard looks and answers until ctx ends.
func serveDashboard(ctx context.Context, side *admin.Side, l net.Listener, looker *dashboard.Looker) error {
	ctx, stop := context.WithCancel(ctx)
	server := side.Server()
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	working.Go(func() { looker.Run(ctx) })
	working.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
