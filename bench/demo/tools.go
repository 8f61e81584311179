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

// nginxPlaces is where nginx is: Debian keeps it off a user's PATH.
var nginxPlaces = []string{"nginx", "/usr/sbin/nginx", "/sbin/nginx"}

// tools finds the programs the demo runs and returns nginx. All that are missing are named at once.
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

// vacant says whether an address can be listened on. Errors wrap edge.ErrListen and name the address.
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

// front is where nginx will listen. The edges' ports must be free too, before anything is started.
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
