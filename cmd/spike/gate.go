package main

import (
	"context"
	"fmt"

	"spike/nginx"
	"spike/nginx/gate"
)

// GateCmd keeps the flags by which nginx says "sold out" in the edges' place.
type GateCmd struct {
	storeFlag
	Topology string     `required:"" type:"existingfile" placeholder:"FILE" help:"What stands in front (YAML), as spike nginx has it; gate_dir is where the flags are."`
	Config   configFile `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`
}

// Run keeps them until a signal.
func (c *GateCmd) Run(ctx context.Context) error {
	log := newLog()
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
	return g.Run(ctx)
}
