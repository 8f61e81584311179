//go:build integration

package luascripts

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// If Redis itself refuses, nothing happens to a sale. Every script is refused as a whole, with ErrDown and Redis' own words.
// Scripts that only read are answered. When it is over, all goes on.
// It proves G22.
func TestRedisRefusesWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code       string
		args       []string
		begin, end func(t *testing.T, s *Redis)
	}{
		{code: "OOM", begin: config("maxmemory", "1"), end: config("maxmemory", "0")},
		{code: "NOREPLICAS", begin: config("min-replicas-to-write", "1"), end: config("min-replicas-to-write", "0")},
		{code: "READONLY", begin: command("REPLICAOF", "127.0.0.1", "1"), end: command("REPLICAOF", "NO", "ONE"),
			args: []string{"--replica-serve-stale-data", "yes"}},
		{code: "MISCONF", args: []string{"--save", "3600 100000000", "--enable-protected-configs", "local"},
			begin: failedSave, end: goodSave},
	} {
		t.Run(c.code, func(t *testing.T) {
			s := dial(t, rigtest.StartRedis(t, c.args...).Addr, ledger.DefaultBounds())
			w := newBusySale(t, s)
			c.begin(t, s)
			if u := (*ledger.ServerError)(nil); !errors.As(s.Willing(bg), &u) || u.Code() != c.code { // row D8
				t.Errorf("it says that it takes writes: %v", u)
			}
			for name, call := range w.calls() {
				err := call()
				var u *ledger.ServerError
				if !errors.Is(err, ledger.ErrDown) || !errors.As(err, &u) || u.Code() != c.code {
					t.Errorf("%s: %v", name, err)
				}
			}
			if a := must[ledger.Audit](t)(s.Audit(bg, w.sale)); !a.OK || normal(a) != normal(w.audit) {
				t.Errorf("before %+v, now %+v", w.audit, a)
			}
			must[ledger.ShowReply](t)(s.Show(bg, w.sale))
			c.end(t, s)
			if err := s.Willing(bg); err != nil {
				t.Error(err)
			}
			if a := must[ledger.Audit](t)(s.Audit(bg, w.sale)); !a.OK || normal(a) != normal(w.audit) {
				t.Errorf("before %+v, after %+v", w.audit, a)
			}
			for name, call := range w.calls() {
				err := call()
				another := errors.Is(err, ledger.ErrRecovering) || errors.Is(err, ledger.ErrReassert) || errors.Is(err,
					ledger.ErrChanged) // REPLICAOF begins an era
				if err != nil && !another {
					t.Errorf("%s, when it is over: %v", name, err)
				}
			}
		})
	}
}

// busySale has something for every script to do.
type busySale struct {
	s     *Redis
	sale  string
	party ledger.Party
	lease ledger.Grant
	audit ledger.Audit
	n     int
}

func newBusySale(t *testing.T, s *Redis) *busySale {
	w := &busySale{s: s, sale: newSale(t, s, ledger.CreateRequest{Total: 100, Hold: time.Minute}),
		party: ledger.Party{Instance: "i", Node: "n"}}
	r := must[ledger.LeaseReply](t)(s.Lease(bg, w.sale,
		ledger.LeaseRequest{Party: w.party, Request: 1, Want: 20, Term: time.Minute}))
	w.lease = r.Grant
	buyOne(t, s, w.sale, 1)
	w.audit = must[ledger.Audit](t)(s.Audit(bg, w.sale))
	return w
}

func (w *busySale) claim() ledger.Claim {
	w.n++
	return ledger.Claim{Serial: w.lease.Ranges[0].Start + uint32(w.n), Count: 1, Fence: w.lease.Fence, Nonce: uint64(w.n),
		Expiry: w.lease.Deadline}
}

// calls are all calls that write.
func (w *busySale) calls() map[string]func() error {
	c := w.claim()
	return map[string]func() error{
		"lease": func() error {
			_, err := w.s.Lease(bg, w.sale, ledger.LeaseRequest{Party: w.party, Request: 2, Want: 20, Term: time.Minute})
			return err
		},
		"renew": func() error {
			_, err := w.s.Renew(bg, w.sale, ledger.RenewRequest{Party: w.party, Awaited: 1, Term: time.Minute,
				Fences: []uint64{w.lease.Fence}})
			return err
		},
		"settle": func() error {
			_, err := w.s.Settle(bg, w.sale, ledger.SettleRequest{Party: w.party, Batch: 1, Claims: []ledger.Claim{c}})
			return err
		},
		"give back": func() error {
			_, err := w.s.GiveBack(bg, w.sale, ledger.GiveBackRequest{Party: w.party, Parts: []ledger.Part{{Fence: w.lease.Fence,
				Range: w.lease.Ranges[0]}}})
			return err
		},
		"deduct": func() error {
			_, err := w.s.Deduct(bg, w.sale, ledger.DeductRequest{N: 1, Nonce: 7})
			return err
		},
		"confirm": func() error { _, err := w.s.Confirm(bg, w.sale, 0, c); return err },
		"cancel":  func() error { _, err := w.s.Cancel(bg, w.sale, 0, c); return err },
		"expire":  func() error { _, err := w.s.Expire(bg, w.sale, 10); return err },
		"change":  func() error { _, err := w.s.Change(bg, w.sale, ledger.ChangeRequest{Request: "r", Add: 5}); return err },
		"reassert": func() error {
			_, err := w.s.Reassert(bg, w.sale, ledger.ReassertRequest{Party: w.party, Era: 1})
			return err
		},
		"reopen": func() error { _, err := w.s.Reopen(bg, w.sale, ledger.ReopenRequest{Era: 1}); return err },
		"mend":   func() error { _, err := w.s.Mend(bg, w.sale); return err },
		"trim":   func() error { return w.s.TrimEvents(bg, w.sale) },
	}
}

func config(name, value string) func(*testing.T, *Redis) {
	return command("CONFIG", "SET", name, value)
}

func command(words ...string) func(*testing.T, *Redis) {
	return func(t *testing.T, s *Redis) {
		t.Helper()
		if err := s.client.Do(bg, s.client.B().Arbitrary(words...).Build()).Error(); err != nil {
			t.Fatal(words, err)
		}
	}
}

// failedSave makes the snapshots of Redis fail: there is a directory in the snapshot's place.
func failedSave(t *testing.T, s *Redis) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	config("dir", dir)(t, s)
	config("dbfilename", "taken")(t, s)
	save(t, s, "err")
}

func goodSave(t *testing.T, s *Redis) {
	config("dbfilename", "dump.rdb")(t, s)
	save(t, s, "ok")
}

func save(t *testing.T, s *Redis, status string) {
	t.Helper()
	command("BGSAVE")(t, s)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		info := must[string](t)(s.client.Do(bg, s.client.B().Info().Section("persistence").Build()).ToString())
		if strings.Contains(info, "rdb_bgsave_in_progress:0") && strings.Contains(info, "rdb_last_bgsave_status:"+status) {
			return
		}
	}
	t.Fatal("no snapshot that is ", status)
}

// While Redis reads its disk, nobody gets an answer. Afterwards everybody does.
// It proves G22.
func TestRedisLoading(t *testing.T) {
	addr := rigtest.FreeAddr(t)
	dir := t.TempDir()
	first := dial(t, rigtest.StartRedisAt(t, addr, "--dir", dir).Addr, ledger.DefaultBounds())
	w := newBusySale(t, first)
	for i := range 400 {
		command("SET", fmt.Sprint("filler", i), rand.Text()+rand.Text())(t, first)
	}
	_ = first.client.Do(bg, first.client.B().Arbitrary("SHUTDOWN", "SAVE").Build()).Error()
	rigtest.StartRedisAt(t, addr, "--dir", dir, "--key-load-delay", "10000",
		"--loading-process-events-interval-bytes", "1024")
	loading := 0
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if strings.HasPrefix(said(t, addr, "PING"), "-LOADING") {
			loading++
		}
		_, err := first.Expire(bg, w.sale, 1)
		if err == nil {
			break
		}
		if !errors.Is(err, ledger.ErrDown) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if loading == 0 {
		t.Error("it was never loading")
	}
	a, err := first.Audit(bg, w.sale)
	for end := time.Now().Add(20 * time.Second); errors.Is(err, ledger.ErrDown) && time.Now().Before(end); {
		a, err = first.Audit(bg, w.sale) // a connection that was refused for long may end at this very moment
	}
	if err != nil || !a.OK || normal(a) != normal(w.audit) {
		t.Errorf("before %+v, after %+v, %v", w.audit, a, err)
	}
}

// said is the first line of Redis' answer to a command.
func said(t *testing.T, addr, word string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err = fmt.Fprint(c, word, "\r\n"); err != nil {
		return err.Error()
	}
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}

// A server that has forgotten the scripts gets them again, and WAIT behind them counts all the same.
// It proves G22.
func TestRedisForgetsScripts(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(addr)
	rigtest.StartRedis(t, "--replicaof", host+" "+port)
	s := dial(t, addr, ledger.DefaultBounds())
	online(t, s, 1)
	w := newBusySale(t, s)
	for range 3 {
		command("SCRIPT", "FLUSH")(t, s)
		if h := must[ledger.RenewReply](t)(s.Renew(bg, w.sale, ledger.RenewRequest{Party: w.party, Awaited: 9, Term: time.Minute,
			Fences: []uint64{w.lease.Fence}})); h.Replicas != 1 || h.Deadlines[0] == 0 {
			t.Errorf("%+v", h)
		}
	}
}

// online waits for replicas.
func online(t *testing.T, s *Redis, n uint64) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); nodeOf(t, s).Replicas != n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("there are %d replicas, not %d", nodeOf(t, s).Replicas, n)
		}
	}
	for have := uint64(0); have < n; { // a replica that has just come online may take a second until it acknowledges
		err := s.client.Dedicated(func(c rueidis.DedicatedClient) error {
			var results []rueidis.RedisResult
			results, have = s.behind(bg, c, n, c.B().Set().Key("online").Value("x").Build())
			return results[0].Error()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.look(bg)
}
