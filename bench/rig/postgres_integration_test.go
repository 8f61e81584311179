//go:build integration

package rig_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"spike/bench/rig/rigtest"
)

// What was committed outlives a crash, is on a standby, and is there through a pooler.
func TestPostgres(t *testing.T) {
	p := rigtest.StartPostgres(t, "max_connections=30")
	if err := p.Create(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	standby := rigtest.StartStandby(t, p, "standby")
	exec := func(url, sql string) error {
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		defer c.Close(context.Background())
		_, err = c.Exec(t.Context(), sql)
		return err
	}
	if err := exec(p.URL("another"), "CREATE TABLE a (b int)"); err != nil {
		t.Fatal(err)
	}
	p.Pause()
	p.End()
	rigtest.Restart(t, p.Process)
	if err := exec(p.URL("another"), "INSERT INTO a VALUES (1)"); err != nil {
		t.Error(err)
	}
	through := rigtest.StartPooler(t, p, "")
	if err := exec(through+"?default_query_exec_mode=simple_protocol", "CREATE TABLE c (d int)"); err != nil {
		t.Error(err)
	}
	if err := standby.Within(t.Context(), time.Minute, func(context.Context) error {
		return exec(standby.URL("another"), "SELECT b FROM a")
	}); err != nil {
		t.Error(err)
	}
	if err := exec(standby.URL("another"), "INSERT INTO a VALUES (1)"); err == nil {
		t.Error("a standby takes writes")
	}
	rigtest.Promote(t, standby)
	if err := exec(standby.URL("another"), "INSERT INTO a VALUES (1)"); err != nil {
		t.Error(err)
	}
}
