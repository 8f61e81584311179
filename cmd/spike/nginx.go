package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"spike/nginx"
)

// NginxCmd prints a complete nginx.conf for a topology.
type NginxCmd struct {
	Topology     string `required:"" type:"existingfile" placeholder:"FILE" help:"${topology}"`
	NginxVersion string `placeholder:"1.26.0" help:"The version that will read it. Default: the version on this machine."`
	Out          string `type:"path" placeholder:"FILE" help:"${nginx_out}"`
}

// Run prints to standard output, or to a file. The error of a wrong topology wraps nginx.ErrTopology.
func (c *NginxCmd) Run() error {
	t, err := nginx.Load(c.Topology)
	if err != nil {
		return err
	}
	version := c.NginxVersion
	if version == "" {
		version = installedNginx()
	}
	if c.Out == "" {
		return nginx.RenderFor(os.Stdout, t, version)
	}
	return writeWhole(c.Out, func(w io.Writer) error { return nginx.RenderFor(w, t, version) })
}

// writeWhole replaces a file by what write writes. A reader of the file sees the old one or the new one, whole.
func writeWhole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return usagef("--out: %w", err)
	}
	defer os.Remove(f.Name())
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
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
