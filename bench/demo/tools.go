package demo

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"spike/bench"
	"spike/bench/rig"
	"spike/edge"
)

// tools looks for the programs that the demo runs. Its error names all that are missing.
func tools() error {
	_, redis := bench.Tool("redis-server")
	_, nginx := bench.Tool("nginx")
	return errors.Join(redis, nginx)
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
	return rig.FreeAddr()
}
