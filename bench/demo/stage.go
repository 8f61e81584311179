package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/rueidis"

	"spike/bench/rig"
	"spike/luascripts"
	"spike/luascripts/ledger"
)

// stage is every server of the demo.
type stage struct {
	dir   string // logs
	front string // where nginx listens
	site  *rig.Site
	store *luascripts.Redis
	edges []stageEdge
}

// stageEdge is one edge.
type stageEdge struct {
	name   string
	weight int
	log    string // its decisions
	server *rig.Server
}

// open starts the servers. The caller must call close, also after an error.
func (s *stage) open(ctx context.Context, o Options) (err error) {
	site := rig.SiteOptions{Binary: o.Binary, Dir: s.dir, Units: o.Units}
	for i, weight := range weights {
		e := stageEdge{name: fmt.Sprintf("edge-%d", i+1), weight: weight}
		e.log = filepath.Join(s.dir, e.name+".decisions")
		if err := os.Remove(e.log); err != nil && !os.IsNotExist(err) { // an edge appends
			return fmt.Errorf("%s: %w", e.name, err)
		}
		s.edges = append(s.edges, e)
		site.Servers = append(site.Servers, rig.Options{Name: e.name, Addr: o.edgeAddr(i), Memory: true,
			Args: []string{"--node", e.name, "--sales", sale, "--decision-log", e.log, "--grace", "4s"}})
	}
	o.step("Redis, nothing of it kept, and HMSET %s %s %d %s 0", hashKey, rig.TotalField, o.Units, rig.SoldField)
	o.step("four edges on %s:%d-%d", host, o.BasePort, o.BasePort+len(weights)-1)
	if s.site, err = rig.Open(ctx, site); err != nil {
		return err
	}
	for i, server := range s.site.Servers {
		s.edges[i].server = server
	}
	options := rueidis.ClientOption{InitAddress: []string{s.site.Redis.Addr}, DisableCache: true}
	if s.store, err = luascripts.Dial(ctx, options, ledger.DefaultBounds()); err != nil {
		return err
	}
	o.step("nginx on %s, weights %s", s.front, weightWords())
	return s.site.OpenFront(ctx, rig.Topology{Listen: s.front, Weights: weights[:]}, "")
}

const hashKey = sale + rig.HashSuffix

// fields of the hash: total and sold.
func (s *stage) fields(ctx context.Context) (total, sold string, err error) {
	m, err := s.site.Redis.Ask(ctx, "HMGET", hashKey, rig.TotalField, rig.SoldField)
	if err != nil {
		return "", "", err
	}
	both, err := m.AsStrSlice()
	if err == nil && len(both) != 2 {
		err = fmt.Errorf("%s: %d fields, not 2", hashKey, len(both))
	}
	if err != nil {
		return "", "", err
	}
	return both[0], both[1], nil
}

// close stops everything that was started.
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
