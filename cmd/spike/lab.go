package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"spike/nginx/lab"
)

// LabCmd is what stands in front, whole, on this machine.
type LabCmd struct {
	Units    uint64 `default:"3000" help:"Units of each sale; there is one for each death."`
	Rounds   int    `default:"1" help:"Build it, play it and take it down so often."`
	Topology string `type:"existingfile" placeholder:"FILE" help:"How many of each there are (YAML). Default: as in the picture."`
	Keep     bool   `help:"Leave it standing after the last round, until Ctrl-C."`
	Logs     string `type:"path" placeholder:"DIR" help:"Copy every configuration and log here before it is taken down."`
	Print    string `enum:"keepalived,nftables,lvs,ospf,topology,none" default:"none" help:"Only print a configuration: keepalived, nftables, lvs, ospf or topology."`
}

// Help is what `spike lab --help` says beyond the flags.
func (*LabCmd) Help() string {
	return "Buyers, an OSPF router, two layer-4 directors, two nginx, four edges, Redis and its replica, each in a network " +
		"namespace; one of each dies in full sale. It needs root, FRR and nftables, and touches nothing of this machine's own network."
}

// Run plays it; where it cannot be, it says why, and that is no failure.
func (c *LabCmd) Run(ctx context.Context) error {
	t, err := labTopology(c.Topology)
	if err != nil {
		return err
	}
	if c.Print != "none" {
		text, err := lab.Print(t, c.Print)
		fmt.Print(text)
		return err
	}
	if err = forgetSettings(); err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	err = lab.Run(ctx, lab.Options{Binary: binary, Topology: t, Units: c.Units, Rounds: c.Rounds, Keep: c.Keep, Logs: c.Logs, Out: os.Stdout})
	switch {
	case errors.Is(err, lab.ErrSkipped):
		fmt.Println(err)
		return nil
	case errors.Is(err, lab.ErrFailed):
		return errFailed
	case err == nil:
		fmt.Println("ok: every sale sold exactly its units, none twice, whatever died")
	}
	return err
}

func labTopology(file string) (lab.Topology, error) {
	if file == "" {
		return lab.Standard(), nil
	}
	return lab.Load(file)
}

// LabDirectorCmd is a layer-4 machine's process, which the lab starts.
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
