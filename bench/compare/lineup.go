package compare

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/peers"
	"spike/bench/process"
)

const readyLimit = 20 * time.Second

// lineup is the servers of one scenario, all running.
type lineup struct {
	o       Options
	sc      Scenario
	dir     string // logs, rings and Redis' files
	answer  string // file with the edge's answer; empty: bare uses its own
	servers []*server
}

// start starts the wanted servers in the order of Servers, because bare repeats the edge's answer.
func start(ctx context.Context, o Options, sc Scenario, dir string) (*lineup, error) {
	l := &lineup{o: o, sc: sc, dir: dir}
	for _, name := range o.servers() {
		s, err := l.open(ctx, name)
		if err == nil {
			l.servers = append(l.servers, s)
			err = l.warm(ctx, s)
		}
		if err != nil {
			l.stop()
			return nil, fmt.Errorf("%s (%s): %w", name, sc.Name, err)
		}
	}
	return l, nil
}

func (l *lineup) stop() {
	for _, s := range l.servers {
		s.stop()
	}
}

func (l *lineup) server(name string) *server {
	i := slices.IndexFunc(l.servers, func(s *server) bool { return s.name == name })
	return l.servers[i]
}

// open starts one server and waits until it gives the scenario's answer.
func (l *lineup) open(ctx context.Context, name string) (*server, error) {
	addr, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	s := &server{name: name, addr: addr}
	if name != peers.Bare {
		if s.redis, err = l.stocked(ctx, name); err != nil {
			return nil, err
		}
	}
	args, err := l.args(s)
	if err == nil {
		s.proc, err = process.Start(ctx, process.Spec{Name: name, Path: l.o.Binary, Args: args, Dir: l.dir, Env: l.env(name)})
	}
	if err == nil {
		err = s.proc.ReadyAt(ctx, readyLimit, addr, l.says(s))
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// stocked starts a Redis with the scenario's sale.
func (l *lineup) stocked(ctx context.Context, name string) (*process.Redis, error) {
	r, err := process.StartRedis(ctx, l.dir, "redis-"+name)
	if err != nil {
		return nil, err
	}
	if name == Edge && l.o.Hold != "" && l.sc.Name == Selling {
		err = r.MakeSale(ctx, l.o.Binary, sale, l.sc.Total, "--hold", l.o.Hold)
	} else {
		err = r.CreateSale(ctx, sale, l.sc.Total, l.sc.Sold)
	}
	if err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

// args returns the arguments that make the spike program this server.
func (l *lineup) args(s *server) ([]string, error) {
	if s.name == Edge {
		return l.edgeArgs(s)
	}
	args := []string{"bench", "peer", s.name, "--listen", s.addr}
	switch s.name {
	case peers.Bare:
		args = append(args, "--body", map[int]string{1: "won", -1: "soldout"}[l.sc.Code])
		if l.answer != "" {
			args = append(args, "--answer-file", l.answer)
		}
	case peers.Article:
		args = append(args, "--redis", s.redis.Addr, "--log", filepath.Join(l.dir, "stat.log"),
			"--local-stock", strconv.FormatInt(l.sc.LocalStock, 10))
	default:
		args = append(args, "--redis", s.redis.Addr)
	}
	return args, nil
}

func (l *lineup) edgeArgs(s *server) ([]string, error) {
	admin, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--listen", s.addr, "--admin", admin, "--redis", s.redis.Addr}
	return append(args, l.o.EdgeArgs...), nil
}

// env returns the environment of a server. The edge's ring is on disk, as in production.
func (l *lineup) env(name string) []string {
	var env []string
	if l.o.Procs > 0 {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(l.o.Procs))
	}
	if name == Edge {
		env = append(env, "SPIKE_DATA="+filepath.Join(l.dir, "edge-data"))
	}
	return env
}

// warm loads a server for a second, unmeasured, for its connections, buffers and first leases. Then it captures the edge's
// answer, which bare repeats.
func (l *lineup) warm(ctx context.Context, s *server) error {
	if _, err := l.wrk(s, time.Second).Run(ctx); err != nil || s.name != Edge {
		return err
	}
	raw, err := capture(ctx, s.addr, "/buy/"+sale)
	if err != nil {
		return err
	}
	l.answer = filepath.Join(l.dir, "answer")
	return os.WriteFile(l.answer, raw, 0o600)
}

func (l *lineup) wrk(s *server, d time.Duration) crowd.Wrk {
	return crowd.Wrk{URL: s.url(), Threads: l.o.Threads, Connections: l.o.Connections, Duration: d, Headers: l.o.Headers}
}

func (l *lineup) ab(s *server) crowd.AB {
	return crowd.AB{URL: s.url(), Requests: l.o.ABRequests, Connections: l.o.Connections, Limit: 2 * time.Minute,
		Headers: l.o.Headers}
}

// says is a probe: the server must give the answer of the scenario.
func (l *lineup) says(s *server) func(context.Context) error {
	return func(ctx context.Context) error {
		raw, err := capture(ctx, s.addr, "/buy/"+sale)
		if err != nil {
			return err
		}
		return checkCode(raw, l.sc.Code)
	}
}

func checkCode(raw []byte, want int) error {
	answer, err := peers.ParseAnswer(raw)
	if err != nil {
		return err
	}
	if answer.Status != 200 || !hasCode(answer.Body, want) {
		return fmt.Errorf("%w: expected code %d, got %d %s", bench.ErrDependency, want, answer.Status, answer.Body)
	}
	return nil
}
