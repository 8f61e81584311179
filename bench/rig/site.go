package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"spike/bench"
)

// Sale is the article's sale. A site sells no other.
const Sale = "ticket"

// SiteOptions say which servers a site has.
type SiteOptions struct {
	Binary   string   // the spike program
	Dir      string   // of all its servers: see [Room]
	Redis    []string // further arguments of Redis and its replicas
	Replicas int

	Units int64    // of the sale
	Sold  int64    // of them, before the first buyer
	Make  []string // further arguments of `spike sale create`; nil: the sale is made as the article does, and has no hold

	Database string    // the order worker writes there; empty: there is none
	Kind     Kind      // of the servers; without a command, they are edges
	Servers  []Options // they get Binary, Dir and Redis of the site
}

// Site is the running servers of one sale. It has nginx and the gate, if they were opened.
type Site struct {
	o       SiteOptions
	Redis   *Redis
	Orders  *Server
	Servers []*Server
	Gate    *Server
	Nginx   *Nginx
	stores  []*Redis // Redis and its replicas
	flags   string   // the folder of flags
}

// Open starts Redis, its replicas, the order worker and the servers. ctx bounds the start only: Close stops them in an order in
// which none waits for another.
func Open(ctx context.Context, o SiteOptions) (*Site, error) {
	s := &Site{o: o}
	for _, step := range []func(context.Context) error{s.openRedis, s.openSale, s.openOrders, s.openServers} {
		if err := step(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func (s *Site) openRedis(ctx context.Context) error {
	for i := range 1 + s.o.Replicas {
		o := RedisOptions{Dir: s.o.Dir, Of: s.Redis, Args: s.o.Redis}
		if i > 0 {
			o.Name = fmt.Sprintf("replica-%d", i)
		}
		r, err := NewRedis(o)
		if err == nil {
			err = r.Start(ctx)
		}
		if err != nil {
			return err
		}
		s.Redis, s.stores = cmp.Or(s.Redis, r), append(s.stores, r)
	}
	return s.Redis.Within(ctx, readyLimit, s.Redis.Followed(s.o.Replicas))
}

func (s *Site) openSale(ctx context.Context) error {
	if s.o.Make == nil {
		return s.Redis.CreateSale(ctx, Sale, s.o.Units, s.o.Sold)
	}
	return MakeSale(ctx, s.o.Binary, s.Redis.Addr, Sale, s.o.Units, s.o.Make...)
}

func (s *Site) openOrders(ctx context.Context) (err error) {
	if s.o.Database == "" {
		return nil
	}
	s.Orders, err = s.start(ctx, Orders, Options{Env: []string{"SPIKE_DB=" + s.o.Database}})
	return err
}

// openServers starts the servers at once.
func (s *Site) openServers(ctx context.Context) error {
	kind := s.o.Kind
	if kind.command == nil {
		kind = Edge
	}
	s.Servers = make([]*Server, len(s.o.Servers))
	g, ctx := errgroup.WithContext(ctx)
	for i, o := range s.o.Servers {
		g.Go(func() (err error) {
			s.Servers[i], err = s.start(ctx, kind, o)
			return err
		})
	}
	return g.Wait()
}

// start starts a server of the site.
func (s *Site) start(ctx context.Context, k Kind, o Options) (*Server, error) {
	o.Binary, o.Dir, o.Redis = s.o.Binary, s.o.Dir, s.Redis.Addr
	return StartServer(ctx, k, o)
}

// Addrs of the servers.
func (s *Site) Addrs() (all []string) {
	for _, one := range s.Servers {
		all = append(all, one.Addr)
	}
	return all
}

// Answered is how many buys of the sale each server has answered, by its own counter.
func (s *Site) Answered(ctx context.Context) (counts []int64, err error) {
	for _, one := range s.Servers {
		m, err := one.Metrics(ctx)
		if err != nil {
			return nil, err
		}
		counts = append(counts, int64(m.Sum(BuysTotal, "sale", Sale)))
	}
	return counts, nil
}

// OpenFront puts nginx in front of the servers, in place of an earlier one: by a configuration, or, if that is empty, by the
// topology's. If the topology has a folder of flags, the gate runs beside nginx.
func (s *Site) OpenFront(ctx context.Context, t Topology, conf string) (err error) {
	s.closeFront()
	if t.Listen == "" {
		if t.Listen, err = FreeAddr(); err != nil {
			return err
		}
	}
	if t.Edges == nil {
		t.Edges = s.Addrs()
	}
	file, err := t.Save(s.o.Dir)
	if err == nil && t.GateDir != "" {
		s.Gate, err = s.start(ctx, Gate, Options{Args: []string{"--topology", file}})
	}
	if err == nil && conf == "" {
		conf, err = Conf(ctx, s.o.Binary, file)
	}
	if err != nil {
		return err
	}
	const noSale = 404 // of every server, at the path /
	if s.Nginx, err = NewNginx(NginxOptions{Dir: s.o.Dir, Addr: t.Listen, Conf: conf, Idle: noSale}); err != nil {
		return err
	}
	return s.Nginx.Start(ctx)
}

// FlagDir makes a folder for flags. The folder is removed when the site closes.
func (s *Site) FlagDir() (dir string, err error) {
	s.flags, err = FlagDir()
	return s.flags, err
}

func (s *Site) closeFront() {
	if s.Nginx != nil {
		_ = s.Nginx.Stop()
	}
	if s.Gate != nil {
		_ = s.Gate.Stop()
	}
	s.Nginx, s.Gate = nil, nil
}

// CloseSelling stops nginx and the gate, then the servers, which settle and give back, and then the order worker, which stores
// what it has read. Redis stays, to be audited.
func (s *Site) CloseSelling() {
	s.closeFront()
	var wg sync.WaitGroup
	for _, one := range s.Servers {
		if one != nil {
			wg.Go(func() { _ = one.Stop() })
		}
	}
	wg.Wait()
	if s.Orders != nil {
		_ = s.Orders.Stop()
	}
	s.Servers, s.Orders = nil, nil
}

// Close stops everything.
func (s *Site) Close() {
	s.CloseSelling()
	for _, r := range slices.Backward(s.stores) {
		_ = r.Stop()
	}
	s.Redis, s.stores = nil, nil
	if s.flags != "" {
		_ = os.RemoveAll(s.flags)
	}
}

// Costs are a site's numbers that only grow: CPU time by its spender, without the crowd's, and the work of Redis. A time of 0
// cannot be read on this system, or has no spender.
type Costs struct {
	Nginx   time.Duration `json:"nginx_ns"` // master and workers
	Servers time.Duration `json:"servers_ns"`
	Redis   time.Duration `json:"redis_ns"`
	Gate    time.Duration `json:"gate_ns"`
	Scripts int64         `json:"scripts"` // by Redis' own counter
	Sold    int64         `json:"sold"`    // units, by the sale's hash
}

// CPU is the bill.
func (c Costs) CPU() time.Duration { return c.Nginx + c.Servers + c.Redis + c.Gate }

// Since is what was spent since an earlier reading.
func (c Costs) Since(before Costs) Costs {
	return Costs{Nginx: c.Nginx - before.Nginx, Servers: c.Servers - before.Servers, Redis: c.Redis - before.Redis,
		Gate: c.Gate - before.Gate, Scripts: c.Scripts - before.Scripts, Sold: c.Sold - before.Sold}
}

// Costs reads what the site has spent so far.
func (s *Site) Costs(ctx context.Context) (c Costs, err error) {
	add := func(sum *time.Duration, p *Process) {
		cpu, failed := p.CPU()
		if *sum += cpu; !errors.Is(failed, ErrNoCPU) {
			err = errors.Join(err, failed)
		}
	}
	for _, one := range s.Servers {
		add(&c.Servers, one.Process)
	}
	if s.Nginx != nil {
		add(&c.Nginx, s.Nginx.Process)
	}
	if s.Gate != nil {
		add(&c.Gate, s.Gate.Process)
	}
	if s.Redis == nil {
		return c, err
	}
	if add(&c.Redis, s.Redis.Process); err == nil {
		c.Scripts, err = s.Redis.Scripts(ctx)
	}
	if err == nil {
		c.Sold, err = s.Redis.Sold(ctx, Sale)
	}
	return c, err
}

// SettledCosts is Costs with the work after the last answer. The site gets a pause, and up to limit while its sold count grows.
func (s *Site) SettledCosts(ctx context.Context) (now Costs, err error) {
	const pause, limit = 300 * time.Millisecond, 5 * time.Second
	deadline := time.Now().Add(limit)
	for sold := int64(-1); ; sold = now.Sold {
		if !bench.Sleep(ctx, pause) {
			return now, ctx.Err()
		}
		if now, err = s.Costs(ctx); err != nil || s.Redis == nil || now.Sold == sold || time.Now().After(deadline) {
			return now, err
		}
	}
}
