//go:build integration

package gate

import (
	"context"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/redis/rueidis"
	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/luascripts"
	"spike/luascripts/ledger"
	"spike/nginx"
)

// onRedis is a gate on a real Redis, in real time.
type onRedis struct {
	*world
	store *luascripts.Redis
	hand  rueidis.Client
	addr  string
}

func startOnRedis(t *testing.T, addr, through string) *onRedis {
	t.Helper()
	store := dial(t, through)
	hand, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hand.Close)
	w := &onRedis{world: &world{t: t, dir: t.TempDir(), fakeStore: &fakeStore{}}, store: store, hand: hand, addr: addr}
	w.do("HMSET", "s_hash_key", "ticket_total_nums", "2", "ticket_sold_nums", "0")
	w.start(store)
	t.Cleanup(func() { w.stop() })
	return w
}

func dial(t *testing.T, addr string) *luascripts.Redis {
	t.Helper()
	store, err := luascripts.Dial(context.Background(), rueidis.ClientOption{InitAddress: []string{addr}},
		ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func (w *onRedis) do(words ...string) {
	w.t.Helper()
	if err := w.hand.Do(bg, w.hand.B().Arbitrary(words...).Build()).Error(); err != nil {
		w.t.Fatal(words, err)
	}
}

// sellOut sells all units, past the gate.
func (w *onRedis) sellOut(by ledger.Store) {
	w.t.Helper()
	for nonce := uint64(1); ; nonce++ {
		r, err := by.Deduct(bg, "s", ledger.DeductRequest{N: 1, Nonce: nonce})
		if err != nil {
			w.t.Fatal(err)
		}
		if r.Answer == ledger.Unavailable {
			return
		}
	}
}

func (w *onRedis) within(d time.Duration, what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.t.Fatalf("not within %v: %s; there are %v", d, what, w.files())
}

func (w *onRedis) shuts() {
	w.within(2*time.Second, "a flag", func() bool { return w.flag() == nginx.SoldOut })
}
func (w *onRedis) opens(d time.Duration) {
	w.within(d, "no flag", func() bool { return w.flag() == "" })
}

func TestGateOnRedis(t *testing.T) {
	const slot = nginx.SlotSeconds*time.Second + time.Second
	for name, test := range map[string]func(t *testing.T, w *onRedis){
		"more stock": func(t *testing.T, w *onRedis) {
			if _, err := w.store.Change(bg, "s", ledger.ChangeRequest{Request: "a", Add: 1}); err != nil {
				t.Fatal(err)
			}
			w.opens(500 * time.Millisecond)
			w.sellOut(w.store)
			w.shuts()
		},
		"total raised by hand": func(_ *testing.T, w *onRedis) {
			w.do("HSET", "s_hash_key", "ticket_total_nums", "3")
			w.opens(slot)
			w.sellOut(w.store)
			w.shuts()
		},
		"hash spoilt by hand": func(_ *testing.T, w *onRedis) {
			w.do("HSET", "s_hash_key", "ticket_sold_nums", "1")
			w.opens(slot)
		},
		"removed, and made again by hand": func(t *testing.T, w *onRedis) {
			if err := w.store.Remove(bg, "s"); err != nil {
				t.Fatal(err)
			}
			w.opens(500 * time.Millisecond)
			w.do("HMSET", "s_hash_key", "ticket_total_nums", "2", "ticket_sold_nums", "0")
			w.sellOut(w.store)
			w.shuts()
		},
		"deleted by hand, and made again": func(_ *testing.T, w *onRedis) {
			w.do(append([]string{"DEL"}, luascripts.Keys("s")...)...)
			w.do("HMSET", "s_hash_key", "ticket_total_nums", "2", "ticket_sold_nums", "0")
			w.opens(slot)
		},
		"its subscription is ended": func(_ *testing.T, w *onRedis) {
			w.do("CLIENT", "KILL", "TYPE", "pubsub")
			w.opens(500 * time.Millisecond)
			w.shuts()
		},
		"scripts may not publish": func(t *testing.T, w *onRedis) {
			w.do("ACL", "SETUSER", "mute", "on", "nopass", "~*", "+@all", "-publish")
			mute, err := luascripts.Dial(bg, rueidis.ClientOption{InitAddress: []string{w.addr}, Username: "mute", Password: "x"},
				ledger.DefaultBounds())
			if err != nil {
				t.Fatal(err)
			}
			defer mute.Close()
			if _, err := mute.Change(bg, "s", ledger.ChangeRequest{Request: "a", Add: 1}); err != nil {
				t.Fatal(err)
			}
			w.opens(slot)
		},
	} {
		addr := rigtest.StartRedis(t).Addr
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startOnRedis(t, addr, addr)
			w.sellOut(w.store)
			w.shuts()
			test(t, w)
		})
	}
}

// A connection goes silent, and one side does not notice: nothing comes, nothing fails.
func TestSilentConnection(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", addr)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	defer proxy.Stop()
	w := startOnRedis(t, addr, proxy.Listen)
	other := dial(t, addr)
	w.sellOut(other)
	w.shuts()
	for _, way := range []string{"upstream", "downstream"} {
		toxic := `{"type":"timeout","stream":"` + way + `","attributes":{"timeout":0}}` // everything on its way is lost
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other.Change(bg, "s", ledger.ChangeRequest{Request: "a", Add: 1}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	w.opens(6 * time.Second)
	t.Logf("open after %v", time.Since(begun).Round(time.Millisecond))
}

// A gate that may not listen must say so. Its buyers notice nothing, but edges answer them all.
func TestGateThatMayNotListen(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	hand, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hand.Close)
	acl := hand.B().Arbitrary("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "resetchannels").Build()
	if err = hand.Do(bg, acl).Error(); err != nil {
		t.Fatal(err)
	}
	store, err := luascripts.Dial(bg, rueidis.ClientOption{InitAddress: []string{addr}, Username: "deaf", Password: "pw"},
		ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	w := &world{t: t, dir: t.TempDir()}
	w.start(store)
	time.Sleep(time.Second)
	w.stop()
	if said := w.log.String(); strings.Count(said, "news cannot be listened to") != 1 || !strings.Contains(said, "NOPERM") {
		t.Error(said)
	}
}
