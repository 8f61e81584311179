//go:build integration

package luascripts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Three processes beat. A fourth one stops without a word, and one of the three notes it.
func TestSilenceIsNotedOnce(t *testing.T) {
	t.Parallel()
	addr := rigtest.StartRedis(t).Addr
	watchers := []*Redis{dial(t, addr, suiteBounds()), dial(t, addr, suiteBounds()), dial(t, addr, suiteBounds())}
	beatAll(t, watchers[0], ledger.Beat{Kind: ledger.OrdersKind, Instance: "gone", Node: "a node"})
	noted := beatTogether(t, watchers)
	if len(noted) != 1 || noted[0].Who != "a node" || noted[0].From != "orders" || !strings.Contains(noted[0].What, "gone") {
		t.Errorf("%+v", noted)
	}
	if all := must[[]ledger.Beat](t)(watchers[0].Beats(bg)); len(all) != len(watchers) {
		t.Errorf("%+v", all)
	}
}

// beatTogether lets all beat until a silence is noted, and three times more.
func beatTogether(t *testing.T, watchers []*Redis) []ledger.Entry {
	t.Helper()
	more := 3
	for end := time.Now().Add(time.Minute); more > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody notes the silence")
		}
		var beating sync.WaitGroup
		for k, w := range watchers {
			beating.Go(func() {
				if err := w.Beat(bg, ledger.Beat{Kind: ledger.EdgeKind, Instance: fmt.Sprint("w", k), Node: "w"}); err != nil {
					t.Error(err)
				}
			})
		}
		beating.Wait()
		if len(silences(t, watchers[0])) > 0 {
			more--
		}
	}
	return silences(t, watchers[0])
}

// The keys of beats are in different slots of a Cluster.
func TestBeatsInACluster(t *testing.T) {
	t.Parallel()
	s, err := Dial(bg, rueidis.ClientOption{InitAddress: meet(t)}, ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	testBeats(t, s)
	testJournal(t, s)
}

// After an outage of the store nobody's beat is there, and nobody is called silent who comes back.
func TestNobodyIsSilentAfterAnOutage(t *testing.T) {
	t.Parallel()
	addr := rigtest.StartRedis(t).Addr
	one, other := dial(t, addr, suiteBounds()), dial(t, addr, suiteBounds())
	first, second := ledger.Beat{Kind: ledger.EdgeKind, Instance: "1"}, ledger.Beat{Kind: ledger.EdgeKind, Instance: "2"}
	beatAll(t, other, second)
	beatAll(t, one, first)
	hset(t, one, "DEL", beatKey(second.Kind, second.Instance))
	hset(t, one, "ZADD", BeatsKey, "1", member(second.Kind, second.Instance, ""))
	for k := range 4 {
		beatAll(t, one, first)
		if k == 2 {
			beatAll(t, other, second)
		}
	}
	if got := silences(t, one); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	if all := must[[]ledger.Beat](t)(one.Beats(bg)); len(all) != 2 {
		t.Errorf("%+v", all)
	}
}

// A server that refuses the beats' keys says so, and sells.
func TestBeatsMayBeRefused(t *testing.T) {
	t.Parallel()
	addr := rigtest.StartRedis(t).Addr
	admin := dial(t, addr, suiteBounds())
	hset(t, admin, "ACL", "SETUSER", "seller", "on", ">p", "~*_hash_key", "~{*_hash_key}:*", "~spike:sales",
		"~spike:store", "&*", "+@all")
	s, err := Dial(bg, rueidis.ClientOption{InitAddress: []string{addr}, Username: "seller", Password: "p"}, suiteBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, err := range []error{s.Beat(bg, ledger.Beat{Kind: ledger.EdgeKind, Instance: "1"}),
		s.Note(bg, ledger.Entry{Did: "added"})} {
		var refused *ledger.ServerError
		if !errors.As(err, &refused) || refused.Code() != "NOPERM" {
			t.Errorf("%v", err)
		}
	}
	buyOne(t, s, newSale(t, s, ledger.CreateRequest{Total: 1}), 1)
}

// A beat is three commands, with one more now and then for the server's clock.
func TestBeatsCost(t *testing.T) {
	s := dial(t, rigtest.StartRedis(t).Addr, suiteBounds())
	const n = 40
	b := ledger.Beat{Kind: ledger.EdgeKind, Instance: "1"}
	ctx, cancel := context.WithTimeout(bg, time.Minute)
	defer cancel()
	for range n {
		if err := s.Beat(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	for command, most := range map[string]int{"set": n, "zadd": n, "zrangebyscore": n, "time": n / clockEvery, "exists": 0,
		"xadd": 0, "fcall": 0, "evalsha": 0} {
		if got := callsOf(t, s, command); got > most {
			t.Errorf("%s: %d for %d beats", command, got, n)
		}
	}
}
