package main

import (
	"os"

	"spike/nginx"
)

// NginxCmd prints a complete nginx.conf for a topology.
type NginxCmd struct {
	Topology string `required:"" type:"existingfile" placeholder:"FILE" help:"What stands in front: listen, edges and their weights, balance, limits, TLS, gate (YAML)."`
}

// Run prints to standard output. A wrong topology is an error that wraps nginx.ErrTopology.
func (c *NginxCmd) Run() error {
	t, err := nginx.Load(c.Topology)
	if err != nil {
		return err
	}
	return nginx.Render(os.Stdout, t)
}
