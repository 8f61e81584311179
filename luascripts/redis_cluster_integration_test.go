//go:build integration

package luascripts

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// TestP11SlotIsMovedWhileItSells: the sale's slot moves to another server, key by key, and nothing is lost. While the keys
// are in two places nobody gets an answer. A few seconds after the move the sale goes on, and no hold is waited for.
func TestP11SlotIsMovedWhileItSells(t *testing.T) {
	t.Parallel()
	m := newMove(t)
	sale := newSale(t, m.s, ledger.CreateRequest{Total: 1000, Hold: 5 * time.Minute})
	first := buyOne(t, m.s, sale, 1)
	m.move(sale)
	for end, nonce := time.Now().Add(30*time.Second), uint64(2); ; nonce++ {
		r, err := m.s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: nonce})
		if err == nil && r.Answer == ledger.Granted {
			break
		}
		if time.Now().After(end) || !errors.Is(err, ledger.ErrDown) && !errors.Is(err, ledger.ErrRecovering) {
			t.Fatalf("%+v %v", r, err)
		}
		if h, err := m.s.Expire(bg, sale, 1); err == nil && wait(h.Head) > 10*time.Second {
			t.Fatalf("it waits for a hold: %v", wait(h.Head))
		}
		time.Sleep(50 * time.Millisecond)
	}
	if r := must[ledger.ReservationReply](t)(m.s.Confirm(bg, sale, first.Birth, first.Claim)); r.Life != ledger.IsConfirmed {
		t.Errorf("%+v", r)
	}
	if a := must[ledger.Audit](t)(m.s.Audit(bg, sale)); !a.OK {
		t.Errorf("%+v", a)
	}
}

// move is a cluster whose slots can be moved.
type move struct {
	t       *testing.T
	s       *Redis
	servers []*Redis // each by itself
	ids     []string
}

func newMove(t *testing.T) *move {
	m := &move{t: t}
	addrs := meet(t)
	for _, addr := range addrs {
		m.servers = append(m.servers, dialPlain(t, addr))
		m.ids = append(m.ids, must[string](t)(m.do(len(m.servers)-1, "CLUSTER", "MYID").ToString()))
	}
	s, err := Dial(bg, rueidis.ClientOption{InitAddress: addrs}, ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	m.s = s
	return m
}

func (m *move) do(server int, words ...string) rueidis.RedisResult {
	c := m.servers[server].client
	return c.Do(bg, c.B().Arbitrary(words...).Build())
}

func (m *move) must(server int, words ...string) {
	m.t.Helper()
	if err := m.do(server, words...).Error(); err != nil {
		m.t.Fatal(words, err)
	}
}

// meet makes two servers a cluster.
func meet(t *testing.T) (addrs []string) {
	t.Helper()
	var servers []*Redis
	for range 2 {
		addr := rigtest.StartRedis(t, append(keepsAll(t.TempDir()), rigtest.ClusterArgs(t, 15*time.Second)...)...).Addr
		addrs, servers = append(addrs, addr), append(servers, dialPlain(t, addr))
	}
	m := &move{t: t, servers: servers}
	m.must(0, "CLUSTER", "ADDSLOTSRANGE", "0", "8191")
	m.must(1, "CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
	host, port, _ := strings.Cut(addrs[1], ":")
	bus := must[map[string]string](t)(m.do(1, "CONFIG", "GET", "cluster-port").AsStrMap())["cluster-port"]
	m.must(0, "CLUSTER", "MEET", host, port, bus)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		well := 0
		for i := range servers {
			info, _ := m.do(i, "CLUSTER", "INFO").ToString()
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384") {
				well++
			}
		}
		if well == 2 {
			return addrs
		}
		if time.Now().After(end) {
			t.Fatal("they do not meet")
		}
	}
}

// dialPlain is one server, whatever cluster it is in.
func dialPlain(t *testing.T, addr string) *Redis {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &Redis{client: c}
}

// move brings a sale's slot to the other server, one key at a time, while somebody looks at the sale all the while.
func (m *move) move(sale string) {
	t := m.t
	t.Helper()
	slot := strconv.FormatInt(must[int64](t)(m.do(0, "CLUSTER", "KEYSLOT", Keys(sale)[0]).AsInt64()), 10)
	from := 0
	if n, _ := m.do(1, "CLUSTER", "COUNTKEYSINSLOT", slot).AsInt64(); n > 0 {
		from = 1
	}
	to := 1 - from
	m.must(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", m.ids[from])
	m.must(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", m.ids[to])
	info := must[string](t)(m.do(to, "INFO", "server").ToString())
	port := infoField(info, "tcp_port")
	for moved := 0; ; moved++ {
		keys := must[[]string](t)(m.do(from, "CLUSTER", "GETKEYSINSLOT", slot, "1").AsStrSlice())
		if len(keys) == 0 {
			break
		}
		m.must(from, "MIGRATE", "127.0.0.1", port, keys[0], "0", "5000")
		if _, err := m.s.Expire(bg, sale, 1); err != nil && !errors.Is(err, ledger.ErrDown) {
			t.Errorf("after %d keys: %v", moved+1, err)
		}
	}
	m.must(to, "CLUSTER", "SETSLOT", slot, "NODE", m.ids[to])
	m.must(from, "CLUSTER", "SETSLOT", slot, "NODE", m.ids[to])
}
