package main

import (
	"context"
	"os"

	"spike/bench/profile"
)

// PprofCmd profiles a running edge.
type PprofCmd struct {
	Admin   string `default:"127.0.0.1:3006" placeholder:"ADDR" help:"The edge's admin listener."`
	Token   string `env:"SPIKE_ADMIN_TOKEN" help:"Bearer token of the admin listener, if it wants one."`
	Seconds int    `default:"10" help:"How long to profile."`
	Out     string `default:"pprof" type:"path" placeholder:"DIR" help:"Folder for the profiles."`
}

// Run takes the profiles and prints the top of each. Meanwhile the edge goes on selling.
func (c *PprofCmd) Run(ctx context.Context) error {
	if err := (profile.Session{Admin: c.Admin, Token: c.Token, Seconds: c.Seconds, Out: c.Out}).Take(ctx); err != nil {
		return err
	}
	return profile.Print(os.Stdout, c.Out)
}
