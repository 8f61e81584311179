package demo

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"

	"spike/bench"
	"spike/bench/process"
	"spike/edge"
)

// nginxPlaces are the places of nginx. Debian does not put it on a user's PATH.
var nginxPlaces = []string{"nginx", "/usr/sbin/nginx", "/sbin/nginx"}

// tools finds the programs that the demo runs, and returns nginx' path. Its error names all that are missing.
func tools() (nginx string, err error) {
	var missing []string
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing = append(missing, "redis-server")
	}
	for _, place := range nginxPlaces {
		if nginx, err = exec.LookPath(place); err == nil {
			break
		}
	}
	if nginx == "" {
		missing = append(missing, "nginx")
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("%w: %s not installed; `make deps` installs what the demo needs", bench.ErrDependency,
			strings.Join(missing, " and "))
	}
	return nginx, nil
}

// vacant checks that an address is free. Its error wraps edge.ErrListen and names the address.
func vacant(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w on %s: the port is busy", edge.ErrListen, addr)
	}
	return fmt.Errorf("%w on %s: %w", edge.ErrListen, addr, err)
}

func (o Options) edgeAddr(i int) string { return fmt.Sprintf("%s:%d", host, o.BasePort+i) }

// front returns the address for nginx. It also checks that the edges' ports are free, before anything is started.
func (o Options) front() (string, error) {
	for i := range weights {
		if err := vacant(o.edgeAddr(i)); err != nil {
			return "", fmt.Errorf("edge-%d: %w (--base-port chooses others)", i+1, err)
		}
	}
	if o.Listen != "" {
		return o.Listen, vacant(o.Listen)
	}
	if vacant(defaultListen) == nil {
		return defaultListen, nil
	}
	return process.FreeAddr()
}
