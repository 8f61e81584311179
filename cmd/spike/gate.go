package main

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"spike/nginx"
	"spike/nginx/gate"
)

// GateCmd keeps the flags by which nginx says "sold out" in the edges' place.
type GateCmd struct {
	storeFlag
	logFlag
	Topology string     `required:"" type:"existingfile" placeholder:"FILE" help:"What stands in front (YAML), as spike nginx has it; gate_dir is where the flags are."`
	Config   configFile `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`
}

// Run keeps them until a signal.
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
	store, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	g, err := gate.Open(t.GateDir, store, log)
	if err != nil {
		return err
	}
	go hup.each(ctx, func() { c.reload(s, log) })
	return g.Run(ctx)
}

// reload reads the log level again.
func (c *GateCmd) reload(s *settings, log zerolog.Logger) {
	fresh, others, err := s.again()
	if err != nil {
		log.Error().Err(err).Msg("SIGHUP: settings cannot be used; all stay as they were")
		return
	}
	fresh.Gate.setLevel()
	sayReloaded(log, without(others, reloaded...))
}
