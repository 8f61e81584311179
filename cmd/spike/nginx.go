package main

import (
	"os"
	"os/exec"
	"regexp"

	"spike/nginx"
)

// NginxCmd prints a complete nginx.conf for a topology.
type NginxCmd struct {
	Topology     string `required:"" type:"existingfile" placeholder:"FILE" help:"${topology}"`
	NginxVersion string `placeholder:"1.26.0" help:"The version that will read it. Default: the version on this machine."`
}

// Run prints to standard output. The error of a wrong topology wraps nginx.ErrTopology.
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

var nginxVersion = regexp.MustCompile(`nginx/(\d+\.\d+\.\d+)`)

// installedNginx returns the version of this machine's nginx, or "" if there is none.
func installedNginx() string {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // Debian does not put it on a user's PATH
	}
	text, _ := exec.Command(path, "-v").CombinedOutput()
	if m := nginxVersion.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}
