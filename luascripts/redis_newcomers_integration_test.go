//go:build integration

package luascripts

import (
	"errors"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Row P18: which replicas acknowledge, and not only how many.

// replicated is a primary with one replica.
type replicated struct {
	s          *Redis // of the primary
	host, port string
	replica    *Redis
}

func startReplicated(t *testing.T) replicated {
	t.Helper()
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	p := replicated{s: dial(t, addr, ledger.DefaultBounds())}
	p.host, p.port, _ = net.SplitHostPort(addr)
	p.replica = p.newcomer(t)
	online(t, p.s, 1)
	return p
}

// newcomer is another server that follows the primary.
func (p replicated) newcomer(t *testing.T) *Redis {
	t.Helper()
	return dial(t, rigtest.StartRedis(t, "--replicaof", p.host+" "+p.port).Addr, ledger.DefaultBounds())
}

// leaves makes the first replica a primary of its own.
func (p replicated) leaves(t *testing.T) {
	t.Helper()
	command("REPLICAOF", "NO", "ONE")(t, p.replica)
	followed(t, p.s, onlineInInfo(0))
}

// A replica is promoted elsewhere, and another server follows the deposed primary. Its acknowledgements are no reason to act on
// an answer, until the operator says so, or until the replica is back.
func TestP18ANewcomerTakesNoPlace(t *testing.T) {
	t.Parallel()
	ends := map[string]struct {
		end   func(t *testing.T, p replicated, w *busySale)
		waits uint64
	}{
		"reopened": {func(t *testing.T, p replicated, w *busySale) {
			shown := must[ledger.ShowReply](t)(p.s.Show(bg, w.sale))
			must[ledger.Head](t)(p.s.Reopen(bg, w.sale, ledger.ReopenRequest{Era: shown.Era, Lineup: shown.Lineup, Least: 1}))
		}, 1},
		"back": {func(t *testing.T, p replicated, _ *busySale) {
			command("REPLICAOF", p.host, p.port)(t, p.replica)
			online(t, p.s, 2)
		}, 2},
	}
	for name, c := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startReplicated(t)
			w := newBusySale(t, p.s)
			p.leaves(t)
			p.newcomer(t)
			online(t, p.s, 1) // it acknowledges
			calls := w.widening()
			for _, what := range slices.Sorted(maps.Keys(calls)) { // the hand-out first: no script has counted the newcomer before
				call := calls[what]
				if err := call(); !errors.Is(err, ledger.ErrReplicas) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if h := must[ledger.ShowReply](t)(p.s.Show(bg, w.sale)); h.Replicas != 2 {
				t.Errorf("%d are waited for", h.Replicas)
			}
			c.end(t, p, w)
			if r, err := w.granted(9); err != nil || r.Replicas != c.waits {
				t.Errorf("%+v %v", r.Head, err)
			}
		})
	}
}

func (w *busySale) widening() map[string]func() error {
	claim := w.claim()
	return map[string]func() error{
		"lease": func() error { return second(w.another(7)) },
		"renew": func() error {
			return second(w.s.Renew(bg, w.sale, ledger.RenewRequest{Party: w.party, Term: time.Minute, Fences: []uint64{w.lease.Fence}}))
		},
		"settle": func() error {
			return second(w.s.Settle(bg, w.sale, ledger.SettleRequest{Party: w.party, Batch: 1, Claims: []ledger.Claim{claim}}))
		},
		"deduct": func() error { return second(w.s.Deduct(bg, w.sale, ledger.DeductRequest{N: 1, Nonce: 70})) },
		"a hand-out": func() error {
			return second(w.s.ReadEvents(bg, w.sale, ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}, 10))
		},
	}
}

// The lineup changes while a call waits. WAIT then tells nothing: it may have counted a follower that the script did not see.
func TestP18ALineupThatChangesWhileACallWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, p replicated)
		have      uint64
	}{
		"nothing": {func(*testing.T, replicated) {}, 1},
		"one comes": {func(t *testing.T, p replicated) {
			p.newcomer(t)
			followed(t, p.s, onlineInInfo(2))
		}, 0},
		"one comes and goes": {func(t *testing.T, p replicated) {
			guest := p.newcomer(t)
			followed(t, p.s, onlineInInfo(2))
			command("REPLICAOF", "NO", "ONE")(t, guest)
			followed(t, p.s, onlineInInfo(1))
		}, 0},
		"one takes the place of another": {func(t *testing.T, p replicated) {
			p.leaves(t)
			p.newcomer(t)
			online(t, p.s, 1)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startReplicated(t)
			have := make(chan uint64, 1)
			go func() {
				_ = p.s.client.Dedicated(func(c rueidis.DedicatedClient) error {
					results, n := p.s.behind(bg, c, 1, c.B().Blpop().Key("until").Timeout(0).Build())
					have <- n
					return results[0].Error()
				})
			}()
			blocked(t, p.s)
			c.meanwhile(t, p)
			if err := p.s.client.Do(bg, p.s.client.B().Rpush().Key("until").Element("x").Build()).Error(); err != nil {
				t.Fatal(err)
			}
			if n := <-have; n != c.have {
				t.Errorf("%d have it, not %d", n, c.have)
			}
		})
	}
}

// blocked waits for a client that is blocked.
func blocked(t *testing.T, s *Redis) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		info := must[string](t)(s.client.Do(bg, s.client.B().Info().Section("clients").Build()).ToString())
		if infoField(info, "blocked_clients") == "1" {
			return
		}
	}
	t.Fatal("nobody waits")
}

// What a call costs beside a replica: WAIT, and INFO before the script, in it, and after WAIT.
func TestP18AWaitedCallAsksTwiceForTheLineup(t *testing.T) {
	t.Parallel()
	p := startReplicated(t)
	w := newBusySale(t, p.s)
	if _, err := w.granted(2); err != nil {
		t.Fatal(err)
	}
	var got map[string]int
	for request := uint64(3); request < 9; request++ { // the client itself asks for INFO now and then
		got = commandsBy(t, p.s, func() { must[ledger.LeaseReply](t)(w.granted(request)) })
		if got["fcall"] == 1 && got["wait"] == 1 && got["info"] == 3 {
			return
		}
	}
	t.Error(got)
}
