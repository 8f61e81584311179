//go:build integration

package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func started(t *testing.T, p *Process) {
	t.Helper()
	t.Cleanup(p.End)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func redis(t *testing.T, o RedisOptions) *Redis {
	t.Helper()
	r, err := NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	started(t, r.Process)
	return r
}

func TestRedisAndItsReplica(t *testing.T) {
	dir := t.TempDir()
	r := redis(t, RedisOptions{Dir: dir, Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	if err := r.CreateSale(t.Context(), Sale, 100, 7); err != nil {
		t.Fatal(err)
	}
	of := redis(t, RedisOptions{Name: "replica", Dir: dir, Of: r})
	if err := r.Within(t.Context(), readyLimit, r.Followed(1)); err != nil {
		t.Fatal(err)
	}
	r.End()
	started(t, r.Process) // on its files
	if err := of.Within(t.Context(), readyLimit, func(ctx context.Context) error {
		info, err := of.Info(ctx, "replication")
		if err == nil && info["master_link_status"] != "up" {
			err = errors.New("not linked")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []*Redis{r, of} {
		if n, err := one.Sold(t.Context(), Sale); n != 7 || err != nil {
			t.Errorf("%s: sold %d, %v", one.Name, n, err)
		}
		if n, err := one.Scripts(t.Context()); n != 0 || err != nil {
			t.Errorf("%s: scripts %d, %v", one.Name, n, err)
		}
	}
	if _, err := r.Ask(t.Context(), "EVAL", "return 1", "0"); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Scripts(t.Context()); n != 1 || err != nil {
		t.Errorf("scripts %d, %v", n, err)
	}
}

func TestSentinelPromotes(t *testing.T) {
	dir := t.TempDir()
	r := redis(t, RedisOptions{Dir: dir})
	of := redis(t, RedisOptions{Name: "replica", Dir: dir, Of: r})
	s, err := NewSentinel(RedisOptions{Name: "sentinel", Dir: dir, Of: r}, "spike", 1,
		"sentinel down-after-milliseconds NAME 500", "sentinel failover-timeout NAME 3000")
	if err != nil {
		t.Fatal(err)
	}
	started(t, s.Process)
	primary := func(want *Redis) func(context.Context) error {
		return func(ctx context.Context) error {
			m, err := s.Ask(ctx, "SENTINEL", "get-master-addr-by-name", "spike")
			parts, _ := m.AsStrSlice()
			if err == nil && strings.Join(parts, ":") != want.Addr {
				err = fmt.Errorf("%v is the primary", parts)
			}
			if err == nil {
				m, err = s.Ask(ctx, "SENTINEL", "replicas", "spike")
				if all, _ := m.ToArray(); err == nil && len(all) != 1 {
					err = fmt.Errorf("%d replicas", len(all))
				}
			}
			return err
		}
	}
	if err = s.Within(t.Context(), time.Minute, primary(r)); err != nil {
		t.Fatal(err)
	}
	r.End()
	if err = s.Within(t.Context(), time.Minute, primary(of)); err != nil {
		t.Fatal(err)
	}
}

// What was committed outlives a crash, is on a standby, and is there through a pooler.
func TestPostgres(t *testing.T) {
	dir, err := Room("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p, err := NewPostgres(t.Context(), PostgresOptions{Dir: dir, Unsafe: true, Settings: []string{"max_connections=30"}})
	if err != nil {
		t.Fatal(err)
	}
	started(t, p.Process)
	if err = p.Create(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	standby, err := NewPostgres(t.Context(), PostgresOptions{Name: "standby", Dir: dir, Of: p})
	if err != nil {
		t.Fatal(err)
	}
	started(t, standby.Process)
	exec := func(url, sql string) error {
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		defer c.Close(context.Background())
		_, err = c.Exec(t.Context(), sql)
		return err
	}
	if err = exec(p.URL("another"), "CREATE TABLE a (b int)"); err != nil {
		t.Fatal(err)
	}
	p.Pause()
	p.End()
	started(t, p.Process)
	if err = exec(p.URL("another"), "INSERT INTO a VALUES (1)"); err != nil {
		t.Error(err)
	}
	pooler, err := p.NewPooler("")
	if err != nil {
		t.Fatal(err)
	}
	started(t, pooler.Process)
	if err = exec(pooler.URL+"?default_query_exec_mode=simple_protocol", "CREATE TABLE c (d int)"); err != nil {
		t.Error(err)
	}
	if err = standby.Within(t.Context(), time.Minute, func(context.Context) error {
		return exec(standby.URL("another"), "SELECT b FROM a")
	}); err != nil {
		t.Error(err)
	}
	if err = exec(standby.URL("another"), "INSERT INTO a VALUES (1)"); err == nil {
		t.Error("a standby takes writes")
	}
	if err = standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err = exec(standby.URL("another"), "INSERT INTO a VALUES (1)"); err != nil {
		t.Error(err)
	}
}
