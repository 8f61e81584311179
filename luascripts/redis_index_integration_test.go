//go:build integration

package luascripts

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// scans is how many steps of walks the server has done.
func scans(t *testing.T, r *Redis) (n int) {
	t.Helper()
	info := must[string](t)(r.client.Do(bg, r.client.B().Info().Section("commandstats").Build()).ToString())
	if _, rest, ok := strings.Cut(info, "cmdstat_scan:calls="); ok {
		digits, _, _ := strings.Cut(rest, ",")
		n, _ = strconv.Atoi(digits)
	}
	return n
}

// populate adds n keys that belong to no sale.
func populate(t *testing.T, addr string, n int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = fmt.Fprintf(c, "DEBUG POPULATE %d foreign 10\r\n", n)
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("%q %v", line, err)
	}
}

// A2: a token finds its sale in one look-up, whatever else lies in that Redis.
func TestA2TokensFindTheirSaleBesideManyKeys(t *testing.T) {
	addr := rigtest.StartRedis(t, "--enable-debug-command", "local").Addr
	seller, other := dial(t, addr, ledger.DefaultBounds()), dial(t, addr, ledger.DefaultBounds())
	populate(t, addr, 500_000)
	born := map[uint64]string{}
	for i := range 2015 {
		name := fmt.Sprintf("s%d", i)
		if i%2 == 0 {
			born[must[ledger.Head](t)(seller.Create(bg, name, ledger.CreateRequest{Total: 9, Hold: time.Minute})).Birth] = name
			continue
		}
		hset(t, seller, "HMSET", name+ledger.HashSuffix, "ticket_total_nums", "10", "ticket_sold_nums", "0")
		born[must[ledger.RenewReply](t)(seller.Renew(bg, name, ledger.RenewRequest{Party: ledger.Party{Instance: "i"},
			Term: time.Second})).Birth] = name
	}
	if len(born) != 2015 {
		t.Fatalf("%d births", len(born))
	}
	for birth, name := range born {
		if f := must[ledger.Found](t)(other.Born(bg, birth)); f.Sale != name || f.Era == 0 {
			t.Fatalf("%+v, not %s", f, name)
		}
	}
	if n := scans(t, other); n != 0 {
		t.Errorf("%d steps of a walk", n)
	}
}

// A2: if the index is lost, or a sale is of an older version, a walk finds the sale, and the index keeps it.
func TestA2LostIndexIsMadeAgain(t *testing.T) {
	addr := rigtest.StartRedis(t, "--enable-debug-command", "local").Addr
	seller, other := dial(t, addr, ledger.DefaultBounds()), dial(t, addr, ledger.DefaultBounds())
	a := newSale(t, seller, ledger.CreateRequest{Total: 9, Hold: time.Minute})
	birth := buyOne(t, seller, a, 1).Birth
	hset(t, seller, "HMSET", "untouched_hash_key", "ticket_total_nums", "10", "ticket_sold_nums", "0")
	populate(t, addr, 300_000)
	hset(t, seller, "DEL", SalesKey)
	for end := time.Now().Add(time.Minute); ; {
		f, err := other.Born(bg, birth)
		if err == nil && f.Sale == a {
			break
		}
		if !errors.Is(err, ledger.ErrDown) || time.Now().After(end) {
			t.Fatalf("%+v %v", f, err)
		}
	}
	third := dial(t, addr, ledger.DefaultBounds())
	before := scans(t, third)
	other.Close()
	if f := must[ledger.Found](t)(third.Born(bg, birth)); f.Sale != a {
		t.Errorf("%+v", f)
	}
	if n := scans(t, third); n > before+1 { // the step under way
		t.Errorf("%d steps more", n-before)
	}
	if names := must[[]string](t)(third.Survey(bg)); !slices.Equal(names, []string{a, "untouched"}) {
		t.Errorf("%v", names)
	}
}

// A2: a sale that was removed is gone, whether by us or by a hand. A sale that is made again under its name is another sale.
func TestA2RemovedAndMadeAgain(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	s, other := dial(t, addr, ledger.DefaultBounds()), dial(t, addr, ledger.DefaultBounds())
	old := must[ledger.Head](t)(s.Create(bg, "a", ledger.CreateRequest{Total: 9})).Birth
	if err := other.Remove(bg, "a"); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Born(bg, old); !errors.Is(err, ledger.ErrNoSale) {
		t.Errorf("removed: %+v %v", f, err)
	}
	if n := scans(t, s); n != 0 {
		t.Errorf("%d steps of a walk", n)
	}
	young := must[ledger.Head](t)(s.Create(bg, "a", ledger.CreateRequest{Total: 9})).Birth
	if f := must[ledger.Found](t)(other.Born(bg, young)); f.Sale != "a" {
		t.Errorf("made again: %+v", f)
	}
	hset(t, s, append([]string{"DEL"}, Keys("a")...)...)
	if f, err := other.Born(bg, young); err != nil || f.Era != 0 { // its scripts say that it is gone, and in which era
		t.Errorf("removed by hand: %+v %v", f, err)
	}
	if names := must[[]string](t)(other.List(bg)); len(names) != 0 {
		t.Errorf("%v", names)
	}
	if f, err := s.Born(bg, young); !errors.Is(err, ledger.ErrNoSale) {
		t.Errorf("after a walk: %+v %v", f, err)
	}
}

// A2: hashes made by hand are listed, even if nobody has asked for them yet.
func TestA2HashMadeByHandIsListed(t *testing.T) {
	s := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	for i := range 500 {
		hset(t, s, "HMSET", fmt.Sprintf("x%03d_hash_key", i), "ticket_total_nums", "10", "ticket_sold_nums", "0")
	}
	if names := must[[]string](t)(s.List(bg)); len(names) != 500 || names[499] != "x499" {
		t.Errorf("%d names", len(names))
	}
}

// A2: a user that may not read the index finds sales by walks.
func TestA2WithoutTheIndex(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	s := dial(t, addr, ledger.DefaultBounds())
	hset(t, s, "ACL", "SETUSER", "u", "on", ">p", "+@all", "~*_hash_key", "~{*_hash_key}:*",
		"~spike:token_key", "&*")
	u, err := Dial(bg, rueidis.ClientOption{InitAddress: []string{addr}, Username: "u", Password: "p"}, ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	birth := must[ledger.Head](t)(u.Create(bg, "a", ledger.CreateRequest{Total: 9, Hold: time.Minute})).Birth
	buyOne(t, u, "a", 1)
	for range 2 {
		if f := must[ledger.Found](t)(u.Born(bg, birth)); f.Sale != "a" {
			t.Errorf("%+v", f)
		}
		if names := must[[]string](t)(u.List(bg)); !slices.Equal(names, []string{"a"}) {
			t.Errorf("%v", names)
		}
	}
	if err := u.Remove(bg, "a"); err != nil {
		t.Fatal(err)
	}
	if f, err := u.Born(bg, birth+1); !errors.Is(err, ledger.ErrNoSale) {
		t.Errorf("%+v %v", f, err)
	}
}
