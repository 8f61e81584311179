//go:build integration

package order

import (
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts"
	"spike/luascripts/ledger"
)

// On real servers: events of a dead worker, an entry that no script wrote, and all four kinds of events. The stream is short
// again when all is stored.
func TestWorkerOnRealServers(t *testing.T) {
	options := rueidis.ClientOption{InitAddress: []string{rigtest.StartRedis(t).Addr}, DisableCache: true}
	redis, err := luascripts.Dial(t.Context(), options, ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	client, err := rueidis.NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	store, repo := &shop{Store: redis, clock: &clock{}}, openTestRepository(t, rigtest.StartPostgres(t).URL("postgres"))
	store.sale(t, "a", 1000, 3*time.Second)
	for range 5 {
		store.buy(t, "a", 2)
	}
	dead := ledger.Group{Name: ledger.OrdersGroup, Consumer: "dead"}
	if evs, err := store.ReadEvents(t.Context(), "a", dead, 5); err != nil || len(evs) != 5 {
		t.Fatal(evs, err)
	}
	const stream = "{a_hash_key}:orders"
	if err := client.Do(t.Context(), client.B().Xadd().Key(stream).Id("*").FieldValue().FieldValue("t",
		"sung").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		c, birth := store.buy(t, "a", 1)
		if i < 100 {
			store.confirm(t, "a", birth, c)
		} else if i < 200 {
			store.cancel(t, "a", birth, c)
		}
	}
	h := newHook(t, nil)
	work(t, redis, repo, hooked(h.URL))
	repo.comesTo(t, "a", map[State]int{Confirmed: 100, Cancelled: 100, Expired: 110})
	eventually(t, "all is told", func() bool { return repo.deliveries(t, Delivered) == 2*305 })
	h.messages(t)
	eventually(t, "all is acknowledged, what nobody can read as well", func() bool {
		lag, err := store.EventLag(t.Context(), "a", ledger.Group{Name: ledger.OrdersGroup})
		return err == nil && lag == (ledger.Lag{})
	})
	if n, err := repo.count("SELECT count(*) FROM parked_events WHERE sale = 'a' AND why LIKE '%sung%'"); err != nil || n != 1 {
		t.Errorf("%d parked: %v", n, err)
	}
	if a, err := store.Audit(t.Context(), "a"); err != nil || !a.OK || a.Free != 900 || a.Confirmed != 100 {
		t.Errorf("%+v %v", a, err)
	}
}
