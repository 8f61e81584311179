package main

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"spike/nginx"
	"spike/nginx/gate"
	"spike/order/loopback"
	"spike/order/operators"
	"spike/order/operators/manager"
)

// GateCmd keeps the flags by which nginx answers "sold out" in the edges' place.
type GateCmd struct {
	storeFlag
	logFlag
	adminTokens
	Topology string     `required:"" type:"existingfile" placeholder:"FILE" help:"${gate_topology}"`
	Admin    string     `env:"SPIKE_GATE_ADMIN" empty:"" placeholder:"ADDR" help:"${gate_admin}"`
	Node     string     `placeholder:"NAME" help:"This gate's name, for people. Default: the host's."`
	Config   configFile `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`
}

// Run keeps the flags until a signal.
func (c *GateCmd) Run(ctx context.Context, hup hangups, s *settings) error {
	log, out := c.open()
	defer out.Close()
	t, err := nginx.Load(c.Topology)
	if err != nil {
		return err
	}
	if t.GateDir == "" {
		return fmt.Errorf("%w: %s: gate_dir is missing: without it there is no gate", nginx.ErrTopology, c.Topology)
	}
	admin, err := c.tokens()
	if err != nil {
		return err
	}
	tokens := loopback.NewTokens()
	tokens.Set(admin)
	listener, err := operators.Listen(c.Admin, tokens)
	if err != nil {
		return err
	}
	if listener != nil {
		defer func() { _ = listener.Close() }()
	}
	store, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	g, err := gate.Open(t.GateDir, store, log)
	if err != nil {
		return err
	}
	m := manager.Find(log)
	go hup.each(ctx, func() {
		m.Reload(func() { s.reload(tokens, log, func(fresh *cli) reloadable { return &fresh.Gate }) })
	})
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(g, out.metric())
	side := operators.Side{Tokens: tokens, Metrics: metrics, Version: version,
		Ready: func(ctx context.Context) (why, remark string) { return g.Unready(ctx), "" }}
	defer g.Beat(store, nodeName(c.Node), version, t.StatusURL())()
	defer side.Serve(listener)()
	m.Up(ctx, nil, operators.Addr(listener))
	return g.Run(ctx)
}
