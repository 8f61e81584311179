//go:build integration

package luascripts

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/redistest"
)

// lineOf is where a text stands in a lib.
func lineOf(t *testing.T, lib, text string) string {
	t.Helper()
	before, _, found := strings.Cut(source("lib", lib), text)
	if !found {
		t.Fatalf("%s.lua has no %q", lib, text)
	}
	return fmt.Sprintf("lib/%s.lua:%d", lib, strings.Count(before, "\n")+1)
}

// What goes wrong in a script is told by file and line: what Lua says, and what a command of Redis says.
func TestErrorsNameFileAndLine(t *testing.T) {
	r := dial(t, redistest.Start(t), ledger.DefaultBounds())
	sale := newSale(t, r, ledger.CreateRequest{Total: 5, Hold: time.Minute})
	fails := func(want string) {
		t.Helper()
		_, err := r.Expire(bg, sale, 1)
		var u *ledger.ServerError
		if !errors.Is(err, ledger.ErrDown) || !errors.As(err, &u) || !strings.Contains(u.Text, want) || strings.Contains(u.Text,
			"user_script") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	hset(t, r, "SET", Keys(sale)[4], "no sorted set")
	fails(lineOf(t, "sweep", "redis.call('ZRANGEBYSCORE', DEADLINES"))
	hset(t, r, "DEL", Keys(sale)[4])
	const begins = "local function sweep_holds(most)\n"
	r.scripts.expire = r.scripts.expire.of(strings.Replace(r.scripts.expire.text, begins,
		"local function sweep_holds(most) most = most + nil\n", 1))
	fails(lineOf(t, "sweep", strings.TrimSpace(begins)) + ": attempt to perform arithmetic on a nil value")
}
