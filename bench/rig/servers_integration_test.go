//go:build integration

package rig

import (
	"context"
	"errors"
	"testing"
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
