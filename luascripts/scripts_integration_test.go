//go:build integration

package luascripts

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
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

// edited are the scripts with other texts, as a library of another name.
func edited(s scripts, edit func(text string) string) scripts {
	name := s.library.name
	s.library.name += "x"
	s.library.text = edit(strings.ReplaceAll(s.library.text, name, s.library.name))
	for script, one := range s.named() {
		*one = one.of(edit(one.text))
		one.function = s.library.function(script)
	}
	return s
}

// An error in a script names file and line: an error of Lua, and an error of a command of Redis; in a function, and in a script
// by itself.
func TestErrorsNameFileAndLine(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	sale := newSale(t, r, ledger.CreateRequest{Total: 5, Hold: time.Minute})
	fails := func(want string) {
		t.Helper()
		_, err := r.Expire(bg, sale, 1)
		var u *ledger.ServerError
		if !errors.Is(err, ledger.ErrDown) || !errors.As(err, &u) || !strings.Contains(u.Text, want) || strings.Contains(u.Text,
			"user_") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	const begins = "local function sweep_holds(most)\n"
	good, bad := r.scripts, edited(r.scripts, func(text string) string {
		return strings.Replace(text, begins, "local function sweep_holds(most) most = most + nil\n", 1)
	})
	for _, fcall := range []string{"+fcall", "-fcall"} {
		hset(t, r, "ACL", "SETUSER", "default", fcall)
		r.scripts = good
		hset(t, r, "SET", Keys(sale)[7], "no sorted set")
		fails(lineOf(t, "sweep", "redis.call('ZRANGEBYSCORE', HOLDS"))
		hset(t, r, "DEL", Keys(sale)[7])
		r.scripts = bad
		fails(lineOf(t, "sweep", strings.TrimSpace(begins)) + ": attempt to perform arithmetic on a nil value")
	}
	if n := callsOf(t, r, "fcall"); n == 0 || callsOf(t, r, "evalsha") == 0 {
		t.Errorf("%d functions were called", n)
	}
}
