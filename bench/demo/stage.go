package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/rig"
	"spike/edge"
)

// stage is every server of the demo, the requests, and what is known of them while they run.
type stage struct {
	Options
	dir   string // logs
	front string // where nginx listens
	site  *rig.Site

	wins     crowd.Wins
	begin    time.Time
	answer   atomic.Int64 // answers so far
	want     int64        // wins there must be
	watching sync.WaitGroup
	lastAt   time.Duration // from begin to the last win; 0: there was none

	selling scripts // when the hash showed the last unit as sold
	all     scripts // at the end
}

// scripts is how many scripts Redis had run when so many answers had been given.
type scripts struct{ n, answers int64 }

// log is the file of an edge's decisions.
func (s *stage) log(edge string) string { return filepath.Join(s.dir, edge+".decisions") }

// open starts the servers. The caller must call close, also after an error.
func (s *stage) open(ctx context.Context) (err error) {
	site := rig.SiteOptions{Binary: s.Binary, Dir: s.dir, Units: s.Units}
	for i := range weights {
		name := fmt.Sprintf("edge-%d", i+1)
		if err := os.Remove(s.log(name)); err != nil && !os.IsNotExist(err) { // an edge appends
			return fmt.Errorf("%s: %w", name, err)
		}
		site.Servers = append(site.Servers, rig.Options{Name: name, Addr: s.edgeAddr(i), Memory: true,
			Args: []string{"--node", name, "--sales", sale, "--decision-log", s.log(name), "--grace", "4s"}})
	}
	s.step("Redis, nothing of it kept, and HMSET %s %s %d %s 0", hashKey, rig.TotalField, s.Units, rig.SoldField)
	s.step("four edges on %s:%d-%d", host, s.BasePort, s.BasePort+len(weights)-1)
	if s.site, err = rig.Open(ctx, site); err != nil {
		return err
	}
	s.step("nginx on %s, weights %s", s.front, weightWords())
	return s.site.OpenFront(ctx, rig.Topology{Listen: s.front, Weights: weights}, "")
}

const hashKey = sale + rig.HashSuffix

func (s *stage) close() {
	if s.site != nil {
		dir := s.site.Redis.Dir
		s.site.Close()
		_ = os.RemoveAll(dir)
	}
}

// run sends every request, each with a buyer of its own. It counts Redis' scripts at the last sale and at the end.
func (s *stage) run(ctx context.Context) (crowd.Result, error) {
	s.begin = time.Now()
	r, err := crowd.Run(ctx, crowd.Options{URLs: []string{"http://" + s.front + "/buy/" + sale},
		Connections: s.Connections, Requests: s.Requests, Timeout: 10 * time.Second, Dress: crowd.Named,
		Heard: func(a crowd.Answer) { s.note(ctx, a) }, OnProgress: s.progress(), ProgressEvery: s.ProgressEvery})
	s.watching.Wait()
	if err == nil {
		s.all, err = s.scripts(ctx)
	}
	return r, err
}

func (s *stage) note(ctx context.Context, a crowd.Answer) {
	s.answer.Add(1)
	if word, nth := s.wins.Note(a); word == crowd.Won && int64(nth) == s.want {
		s.lastAt = time.Since(s.begin)
		s.watching.Go(func() { s.watchLast(ctx) })
	}
}

// watchLast counts the scripts once the last sale has reached Redis. If it does not, the findings say that the hash is wrong.
func (s *stage) watchLast(ctx context.Context) {
	const settleLimit = 5 * time.Second
	for begin := time.Now(); ctx.Err() == nil && time.Since(begin) < settleLimit; time.Sleep(10 * time.Millisecond) {
		if sold, err := s.site.Redis.Sold(ctx, sale); err == nil && sold >= s.want {
			s.selling, _ = s.scripts(ctx) // without it the report has one figure less
			return
		}
	}
}

func (s *stage) scripts(ctx context.Context) (scripts, error) {
	n, err := s.site.Redis.Scripts(ctx)
	return scripts{n, s.answer.Load()}, err
}

// progress adds to the load's progress how many units are sold, and the present rate.
func (s *stage) progress() func(crowd.Progress) {
	var before crowd.Progress
	var rate float64
	return func(p crowd.Progress) {
		if passed := p.Elapsed - before.Elapsed; passed > 100*time.Millisecond {
			rate = float64(p.Done-before.Done) / passed.Seconds()
			before = p
		}
		s.OnProgress(Progress{Progress: p, Sold: int64(s.wins.Count(crowd.Won)), PerSecond: rate})
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
