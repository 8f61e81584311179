package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/redis/rueidis"

	"spike/bench"
	"spike/bench/rig"
	"spike/edge"
	"spike/luascripts"
	"spike/luascripts/ledger"
)

// stage is every server of the demo.
type stage struct {
	dir   string // logs
	front string // where nginx listens
	site  *rig.Site
	store *luascripts.Redis
}

// log is the file of an edge's decisions.
func (s *stage) log(edge string) string { return filepath.Join(s.dir, edge+".decisions") }

// open starts the servers. The caller must call close, also after an error.
func (s *stage) open(ctx context.Context, o Options) (err error) {
	site := rig.SiteOptions{Binary: o.Binary, Dir: s.dir, Units: o.Units}
	for i := range weights {
		name := fmt.Sprintf("edge-%d", i+1)
		if err := os.Remove(s.log(name)); err != nil && !os.IsNotExist(err) { // an edge appends
			return fmt.Errorf("%s: %w", name, err)
		}
		site.Servers = append(site.Servers, rig.Options{Name: name, Addr: o.edgeAddr(i), Memory: true,
			Args: []string{"--node", name, "--sales", sale, "--decision-log", s.log(name), "--grace", "4s"}})
	}
	o.step("Redis, nothing of it kept, and HMSET %s %s %d %s 0", hashKey, rig.TotalField, o.Units, rig.SoldField)
	o.step("four edges on %s:%d-%d", host, o.BasePort, o.BasePort+len(weights)-1)
	if s.site, err = rig.Open(ctx, site); err != nil {
		return err
	}
	options := rueidis.ClientOption{InitAddress: []string{s.site.Redis.Addr}, DisableCache: true}
	if s.store, err = luascripts.Dial(ctx, options, ledger.DefaultBounds()); err != nil {
		return err
	}
	o.step("nginx on %s, weights %s", s.front, weightWords())
	return s.site.OpenFront(ctx, rig.Topology{Listen: s.front, Weights: weights}, "")
}

const hashKey = sale + rig.HashSuffix

func (s *stage) close() {
	if s.store != nil {
		s.store.Close()
	}
	if s.site != nil {
		dir := s.site.Redis.Dir
		s.site.Close()
		_ = os.RemoveAll(dir)
	}
}

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
