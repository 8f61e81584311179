package main

import (
	"os"
	"os/exec"
	"regexp"

	"spike/nginx"
)

// NginxCmd prints a complete nginx.conf for a topology.
type NginxCmd struct {
	Topology     string `required:"" type:"existingfile" placeholder:"FILE" help:"What stands in front: listen, edges and their weights, balance, limits, TLS, gate (YAML)."`
	NginxVersion string `placeholder:"1.26.0" help:"The nginx that it is for. Default: the one of this machine."`
}

// Run prints to standard output. A wrong topology is an error that wraps nginx.ErrTopology.
func (c *NginxCmd) Run() error {
	t, err := nginx.Load(c.Topology)
	if err != nil {
		return err
	}
	version := c.NginxVersion
	if version == "" {
		version = installedNginx()
	}
	return nginx.RenderFor(os.Stdout, t, version)
}

var nginxSays = regexp.MustCompile(`nginx/(\d+\.\d+\.\d+)`)

// installedNginx is this machine's version; "": there is none.
func installedNginx() string {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // Debian keeps it off a user's PATH
	}
	said, _ := exec.Command(path, "-v").CombinedOutput()
	if m := nginxSays.FindSubmatch(said); m != nil {
		return string(m[1])
	}
	return ""
}
