//go:build e2e

package main

import (
	"net/http"
	"testing"
	"time"

	"spike/order/pgtest"
)

// clerk is an order worker beside an edge: what a buyer wins is to be stored.
type clerk struct {
	*witness
	teller
	worker *testOrders
	db     ordersDB
}

func newClerk(t *testing.T) *clerk {
	c := &clerk{witness: newWitness(t), db: ordersDB{pgtest.Start(t)}}
	c.worker = startOrders(t, "--redis", c.addr, "--db", c.db.URL)
	c.teller = teller{t, c.worker.admin, c.worker.log.String, c.stores}
	return c
}

// stores says whether an order is taken and stored now. It is looked for over a connection of its own, so that a database that
// hangs is no answer.
func (c *clerk) stores() bool {
	t := c.teller.t
	status, _, body := get(t, "GET", c.edge.buyURL("ticket"))
	m := serialIn.FindStringSubmatch(body)
	if status != http.StatusOK || m == nil {
		return false
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c.db.ask(t, "SELECT count(*) FROM orders WHERE serial = "+m[1]) > 0 {
			return true
		}
	}
	return false
}

func TestD8OrdersReadyIsOneTruth(t *testing.T) {
	c := newClerk(t)
	readOnly := func(how string) func() {
		return func() {
			c.db.exec(t, "ALTER SYSTEM "+how)
			c.db.exec(t, "SELECT pg_reload_conf()")
		}
	}
	c.db.exec(t, "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "+
		"$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$")
	c.teller.matrix(c.hanging(), c.readOnly(), c.gone(), c.loading(),
		state{"database gone", c.db.Stop, c.db.Restart},
		state{"database hanging", c.db.Hang, c.db.Resume},
		state{"database read-only", readOnly("SET default_transaction_read_only = on"), readOnly("RESET default_transaction_read_only")},
		state{"database full", func() {
			c.db.exec(t, "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION full_disk()")
		}, func() { c.db.exec(t, "DROP TRIGGER full_disk ON orders") }})
	c.edge.stop(t)
	if a := (redisServer{addr: c.addr}).audit(t, "ticket"); a.Leased != 0 {
		t.Errorf("%+v", a)
	}
}
