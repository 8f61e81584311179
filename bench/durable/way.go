package durable

import (
	"context"
	"fmt"
	"os"
	"time"

	"spike/bench/process"
	"spike/bench/strategies"
)

// Way is a way to make a sale durable.
type Way struct {
	Name     string
	Always   bool // Redis writes to its disk before it answers
	Replicas int  // that must have acknowledged
	Postgres bool // no Redis: a row in PostgreSQL, grouped commits
}

// Ways in the order of the tables.
func Ways() []Way {
	return []Way{
		{Name: "appendfsync always", Always: true},
		{Name: "1 replica", Replicas: 1},
		{Name: "2 replicas", Replicas: 2},
		{Name: Row, Postgres: true},
	}
}

// Row is the name of the way that the others are compared with.
const Row = "PostgreSQL, grouped"

const (
	sale  = "ticket"
	units = 100_000_000 // more than any run can sell
)

// shop is a running way.
type shop struct {
	way      Way
	url      string
	server   *process.Process
	redis    *process.Redis // nil without Redis
	replicas []*process.Redis
	row      *strategies.GroupedShop // nil with Redis
}

func open(ctx context.Context, o Options, w Way, dir string) (*shop, error) {
	s := &shop{way: w}
	dir, err := os.MkdirTemp(dir, "way-")
	if err == nil {
		err = os.Chmod(dir, 0o711) // PostgreSQL may run as another user
	}
	if err == nil && w.Postgres {
		err = s.openRow(ctx, o, dir)
	} else if err == nil {
		err = s.openEdge(ctx, o, dir)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("%s: %w", w.Name, err)
	}
	return s, nil
}

func (s *shop) openRow(ctx context.Context, o Options, dir string) (err error) {
	if s.row, err = strategies.OpenGrouped(ctx, o.Binary, dir, units); err != nil {
		return err
	}
	s.url, s.server = s.row.URL(), s.row.Server()
	return nil
}

func (s *shop) openEdge(ctx context.Context, o Options, dir string) (err error) {
	var args []string
	if s.way.Always {
		args = []string{"--appendonly", "yes", "--appendfsync", "always"}
	}
	if s.redis, err = process.StartRedis(ctx, dir, "redis", args...); err != nil {
		return err
	}
	if err = s.openReplicas(ctx, dir); err != nil {
		return err
	}
	if err = s.redis.MakeSale(ctx, o.Binary, sale, units, "--hold", "0s"); err != nil {
		return err
	}
	e, err := process.StartEdge(ctx, process.EdgeSpec{Name: "edge", Binary: o.Binary, Dir: dir, Redis: s.redis.Addr,
		Args: append([]string{"--ack", "redis"}, o.EdgeArgs...)})
	if err == nil {
		s.server, s.url = e.Process, "http://"+e.Addr+"/buy/"+sale
	}
	return err
}

func (s *shop) openReplicas(ctx context.Context, dir string) error {
	const limit = 20 * time.Second
	for i := range s.way.Replicas {
		r, err := process.StartRedis(ctx, dir, fmt.Sprintf("replica-%d", i+1), "--replicaof", s.redis.Host(), s.redis.Port(),
			"--repl-diskless-sync-delay", "0")
		if err != nil {
			return err
		}
		s.replicas = append(s.replicas, r)
	}
	return s.redis.Ready(ctx, limit, s.redis.Followed(s.way.Replicas))
}

func (s *shop) close() {
	if s.row != nil {
		s.row.Stop()
		return
	}
	if s.server != nil {
		s.server.Stop()
	}
	for _, r := range s.replicas {
		r.Stop()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
}
