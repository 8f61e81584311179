//go:build integration

package luascripts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Every script of a sale refuses a ledger of another layout, names both layouts, and leaves every key as it is.
func TestLedgerOfAnotherLayoutIsRefused(t *testing.T) {
	t.Parallel()
	s := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	key := Keys(w.sale)[1]
	layout := must[string](t)(s.client.Do(bg, s.client.B().Hget().Key(key).Field("layout").Build()).ToString())
	for found, write := range map[string][]string{
		"0":          {"HDEL", key, "layout"},
		layout + "0": {"HSET", key, "layout", layout + "0"},
	} {
		hset(t, s, write...)
		before := dumps(t, s, w.sale)
		for name, script := range s.scripts.named() {
			if name == "create" || name == "bindgroup" { // the one reads no ledger, the other is no sale's
				continue
			}
			_, _, err := s.run(bg, script, w.sale, make([]string, 12)) // each script looks at the ledger first
			refusedLayout(t, name, err, found, layout)
		}
		_, err := s.Show(bg, w.sale)
		refusedLayout(t, "Show", err, found, layout)
		if dumps(t, s, w.sale) != before {
			t.Errorf("layout %s: a refused script has written", found)
		}
		hset(t, s, "HSET", key, "layout", layout)
		if a := must[ledger.Audit](t)(s.Audit(bg, w.sale)); !a.OK || normal(a) != normal(w.audit) {
			t.Errorf("before %+v, now %+v", w.audit, a)
		}
	}
}

func refusedLayout(t *testing.T, what string, err error, found, known string) {
	t.Helper()
	says := fmt.Sprintf("has layout %s, this version of Spike knows layout %s", found, known)
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v", what, err)
	}
}

// dumps is what Redis has of a sale, byte for byte.
func dumps(t *testing.T, s *Redis, sale string) string {
	t.Helper()
	var all strings.Builder
	for _, key := range Keys(sale) {
		text, err := s.client.Do(bg, s.client.B().Dump().Key(key).Build()).ToString()
		if err != nil && !rueidis.IsRedisNil(err) {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %q\n", key, text)
	}
	return all.String()
}
