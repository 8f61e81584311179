//go:build integration

package luascripts

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// calledBy counts the calls by function and by hash since the last look.
func calledBy(t *testing.T, s *Redis) (functions, scripts int) {
	t.Helper()
	functions, scripts = callsOf(t, s, "fcall"), callsOf(t, s, "evalsha")
	hset(t, s, "CONFIG", "RESETSTAT")
	return functions, scripts
}

// A server may forget the library, or refuse it for a while, or refuse functions for ever. Each call is answered all the same.
func TestFunctionsAreForgottenOrRefused(t *testing.T) {
	s := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	sale := newSale(t, s, ledger.CreateRequest{Total: 100})
	nonce := uint64(0)
	sells := func(want bool) {
		t.Helper()
		nonce++
		r, err := s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: nonce})
		if want && (err != nil || r.Answer != ledger.Granted) || !want && err == nil {
			t.Errorf("%+v %v", r, err)
		}
	}
	again := func() { s.functions.refused.Store(0) }
	calledBy(t, s)
	for _, c := range []struct {
		what               string
		begin, end         []string
		sells              bool
		functions, scripts int // calls
	}{
		{what: "forgotten", begin: []string{"FUNCTION", "FLUSH"}, sells: true, functions: 3 + 3, scripts: 0},
		{what: "no memory, and not loaded", begin: []string{"CONFIG", "SET", "maxmemory", "1"}, end: []string{"CONFIG", "SET",
			"maxmemory", "0"}, functions: 1 + 1, scripts: 1 + 2 + 2},
		{what: "no FCALL", begin: []string{"ACL", "SETUSER", "default", "-fcall"}, end: []string{"ACL", "SETUSER", "default", "+fcall"},
			sells: true, functions: 0, scripts: 3},
		{what: "no FUNCTION", begin: []string{"ACL", "SETUSER", "default", "-function"}, end: []string{"ACL", "SETUSER", "default",
			"+function"}, sells: true, functions: 1 + 1, scripts: 3},
	} {
		t.Run(c.what, func(t *testing.T) {
			again()
			hset(t, s, "FUNCTION", "FLUSH")
			hset(t, s, c.begin...)
			sells(c.sells)
			sells(c.sells)
			must[ledger.ShowReply](t)(s.Show(bg, sale))
			if functions, scripts := calledBy(t, s); functions > c.functions || scripts > c.scripts || functions+scripts < 3 {
				t.Errorf("%d calls of functions, %d of scripts", functions, scripts)
			}
			if c.end != nil {
				hset(t, s, c.end...)
			}
			again()
			sells(true)
			if functions, _ := calledBy(t, s); functions == 0 {
				t.Error("functions are not tried again")
			}
		})
	}
	if a := must[ledger.Audit](t)(s.Audit(bg, sale)); !a.OK || a.Pending != nonce-2 {
		t.Errorf("%d buys: %+v", nonce, a)
	}
}

// Libraries of other versions are left alone while they are few. Of many, each newcomer deletes one. Two versions that are both
// in use load theirs again where it was deleted, until only unused ones go.
func TestLibrariesOfManyVersions(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	s := dial(t, addr, ledger.DefaultBounds())
	libraries := func() int {
		t.Helper()
		return len(must[[]string](t)(s.client.Do(bg, s.client.B().Arbitrary("FUNCTION", "LIST").Build()).AsStrSlice()))
	}
	for k := range 3 * librariesMost {
		hset(t, s, "FUNCTION", "LOAD", fmt.Sprintf("#!lua name=%sold%d\nredis.register_function('old%d', function() end)",
			libraryPrefix, k, k))
	}
	hset(t, s, "FUNCTION", "LOAD", "#!lua name=foreign\nredis.register_function('foreign', function() return 7 end)")
	bounds := ledger.DefaultBounds()
	bounds.Keep += time.Hour
	both := []*Redis{s, dial(t, addr, bounds)}
	if both[0].scripts.library.name == both[1].scripts.library.name {
		t.Fatal("two texts have one name")
	}
	sale := newSale(t, s, ledger.CreateRequest{Total: 9})
	for k := 0; libraries() > librariesMost+1; k++ {
		if k > 100*librariesMost {
			t.Fatalf("%d libraries stay", libraries())
		}
		one := both[k%2]
		if k/2%2 == 0 {
			_ = s.client.Do(bg, s.client.B().FunctionDelete().LibraryName(one.scripts.library.name).Build()).Error() // it may be gone
		}
		must[ledger.ShowReply](t)(one.Show(bg, sale))
	}
	hset(t, s, "CONFIG", "RESETSTAT")
	for range 20 {
		for _, one := range both {
			must[ledger.ShowReply](t)(one.Show(bg, sale))
		}
	}
	if n := callsOf(t, s, "function|load"); n > 2*librariesMost {
		t.Errorf("two versions load their libraries %d times", n)
	}
	if n := must[int64](t)(s.client.Do(bg, s.client.B().Fcall().Function("foreign").Numkeys(0).Build()).AsInt64()); n != 7 {
		t.Error("a library of somebody else has gone")
	}
}

// The library and what it wrote are on a replica: it is promoted, and goes on without loading anything.
func TestFunctionsAreOnReplicas(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(addr)
	other := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
	s := dial(t, addr, ledger.DefaultBounds())
	online(t, s, 1)
	w := newBusySale(t, s)
	for range 3 { // WAIT counts, however the script came to run
		hset(t, s, "FUNCTION", "FLUSH")
		if h := must[ledger.RenewReply](t)(s.Renew(bg, w.sale, ledger.RenewRequest{Party: w.party, Awaited: 9, Term: time.Minute,
			Fences: []uint64{w.lease.Fence}})); h.Replicas != 1 || h.Deadlines[0] == 0 {
			t.Errorf("%+v", h)
		}
	}
	promoted := dial(t, other, ledger.DefaultBounds())
	hset(t, promoted, "REPLICAOF", "NO", "ONE")
	must[ledger.ExpireReply](t)(promoted.Expire(bg, w.sale, 1))
	if functions, scripts := calledBy(t, promoted); functions != 1 || scripts != 0 || callsOf(t, promoted, "function|load") != 0 {
		t.Errorf("%d calls of functions, %d of scripts", functions, scripts)
	}
}

// No run of a function sees what another has left, also one that failed half way: after each, another sale is told as a script
// tells it, which is made anew for every call.
func TestNoRunSeesAnother(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	s, anew := dial(t, addr, ledger.DefaultBounds()), dial(t, addr, ledger.DefaultBounds())
	anew.functions.refused.Store(time.Now().Add(time.Hour).UnixNano())
	plain := newSale(t, s, ledger.CreateRequest{Total: 5})
	drawn := newSale(t, s, ledger.CreateRequest{Total: 7, Hold: time.Minute, Shuffle: time.Millisecond, Limit: 1})
	w := newBusySale(t, s)
	fails := func(err error, what string) {
		t.Helper()
		if u := (*ledger.ServerError)(nil); !errors.As(err, &u) || !strings.Contains(u.Text, "WRONGTYPE") {
			t.Errorf("%s: %v", what, err)
		}
	}
	broken := newSale(t, s, ledger.CreateRequest{Total: 9, Hold: time.Hour, Limit: 3})
	disturbances := map[string]func(){
		"a draw":           func() { must[ledger.ExpireReply](t)(s.Expire(bg, drawn, 1)) },
		"no sale":          func() { _, _ = s.Show(bg, "nobody") },
		"a sweep is due":   func() { _, _ = s.Expire(bg, w.sale, 1) },
		"a refusal":        func() { _, _ = s.Deduct(bg, broken, ledger.DeductRequest{N: 1, Nonce: 1}) },
		"replicas as told": func() { most := uint64(3); s.mostReplicas = &most; _, _ = s.Show(bg, w.sale); s.mostReplicas = nil },
		"a failure in a sweep": func() {
			hset(t, s, "SET", Keys(broken)[7], "no sorted set")
			_, err := s.Expire(bg, broken, 1)
			fails(err, "expire")
		},
		"a failure between writes": func() {
			hset(t, s, "DEL", Keys(broken)[7])
			hset(t, s, "SET", Keys(broken)[8], "no stream")
			_, err := s.Deduct(bg, broken, ledger.DeductRequest{N: 1, Nonce: 2, Buyer: ledger.Buyer{1}})
			fails(err, "deduct")
		},
	}
	told := func(r *Redis, sale string) string {
		got := must[ledger.ShowReply](t)(r.Show(bg, sale))
		got.Raw, got.Now = 0, 0
		return fmt.Sprintf("%+v", got)
	}
	for what, disturb := range disturbances {
		disturb()
		for _, sale := range []string{plain, drawn, w.sale} {
			if got, want := told(s, sale), told(anew, sale); got != want {
				t.Errorf("after %s: %s\nwant %s", what, got, want)
			}
		}
		if r := must[ledger.RenewReply](t)(s.Renew(bg, plain, ledger.RenewRequest{Party: w.party, Awaited: 9,
			Term: time.Minute})); r.Total != 5 || r.Free != 5 || r.Lots.Window != 0 {
			t.Errorf("after %s: %+v", what, r)
		}
	}
	if functions, scripts := calledBy(t, s); functions == 0 || scripts == 0 {
		t.Errorf("%d calls of functions, %d of scripts", functions, scripts)
	}
}
