package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"spike/bench/lab"
)

// LabCmd runs the whole front on this machine.
type LabCmd struct {
	Units    uint64 `default:"3000" help:"Units of each sale. There is a sale for each death."`
	Rounds   int    `default:"1" help:"How often to build the lab, to play and to take it down."`
	Topology string `type:"existingfile" placeholder:"FILE" help:"How many of each there are (YAML). Default: as in the picture."`
	Keep     bool   `help:"Leave the lab standing after the last round, until Ctrl-C."`
	Logs     string `type:"path" placeholder:"DIR" help:"Copy every configuration and log here before the lab is taken down."`
	Print    string `enum:"keepalived,nftables,lvs,ospf,topology,none" default:"none" help:"Only print one configuration: ${enum}."`
}

// Help is the text of `spike lab --help` beyond the flags.
func (*LabCmd) Help() string {
	return "Buyers, an OSPF router, two layer-4 directors, two nginx, four edges, Redis and its replica, each in a network " +
		"namespace. One of each dies in full sale. The lab needs root, FRR and nftables. It does not touch the network of this machine."
}

// Run plays the lab. Where the lab cannot run, Run prints the reason and does not fail.
func (c *LabCmd) Run(ctx context.Context) error {
	t, err := lab.Load(c.Topology)
	if err != nil {
		return err
	}
	if c.Print != "none" {
		text, err := lab.Print(t, c.Print)
		fmt.Print(text)
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	err = lab.Run(ctx, lab.Options{Binary: binary, Topology: t, Units: c.Units, Rounds: c.Rounds, Keep: c.Keep, Logs: c.Logs,
		Out: os.Stdout})
	switch {
	case errors.Is(err, lab.ErrSkipped):
		fmt.Println(err)
		return nil
	case errors.Is(err, lab.ErrFailed):
		return errFailed
	case err == nil:
		fmt.Println("ok: every sale sold each of its units exactly once, whatever died")
	}
	return err
}

// LabDirectorCmd is the process of a layer-4 director. The lab starts it.
type LabDirectorCmd struct {
	Topology string `required:"" type:"existingfile"`
	Balancer string `required:"" enum:"nftables,lvs"`
}

// Run directs until a signal.
func (c *LabDirectorCmd) Run(ctx context.Context) error {
	t, err := lab.Load(c.Topology)
	if err != nil {
		return err
	}
	return lab.Direct(ctx, t, c.Balancer, os.Stdout)
}
