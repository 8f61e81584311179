//go:build integration

package luascripts

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Where the scripts of a scenario read the clock, and what INFO says.
const (
	clockKey = "scenario:clock"
	infoKey  = "scenario:info"
)

var asksInfo = regexp.MustCompile(`redis\.pcall\('INFO'[^)]*\)`)

// staged is a text that reads the clock and INFO from keys.
func staged(t *testing.T, text string) string {
	t.Helper()
	text = asksInfo.ReplaceAllString(strings.ReplaceAll(text, "redis.call('TIME')",
		"{string.match(redis.call('GET', '"+clockKey+"'), '^(%d+)(%d%d%d%d%d%d)$')}"), "redis.call('GET', '"+infoKey+"')")
	if strings.Contains(text, "'TIME'") || strings.Contains(text, "'INFO'") {
		t.Fatal("a script reads the clock, or INFO, in another way")
	}
	return text
}

// stagedScripts are all scripts so. Nobody waits for the replicas that this INFO tells of.
func stagedScripts(t *testing.T, b ledger.Bounds) (s scripts) {
	t.Helper()
	s = edited(newScripts(b), func(text string) string { return staged(t, text) })
	for _, one := range s.named() {
		one.widens = false
	}
	if !strings.Contains(s.library.text, clockKey) || !strings.Contains(s.library.text, infoKey) {
		t.Fatal("no script reads the clock, or INFO")
	}
	return s
}

// TestScenariosOnRedis plays them with the scripts, on a real Redis whose clock and INFO are what the scenario says: as
// functions, and where functions are refused.
func TestScenariosOnRedis(t *testing.T) {
	for name, refuse := range map[string][]string{"functions": nil, "scripts": {"ACL", "SETUSER", "default", "-fcall"}} {
		t.Run(name, func(t *testing.T) {
			addr := rigtest.StartRedis(t).Addr
			if refuse != nil {
				hset(t, dial(t, addr, ledger.DefaultBounds()), refuse...)
			}
			runScenarios(t, func(t *testing.T, b ledger.Bounds) stage { return stageOn(t, addr, b) }, true)
			s := dial(t, addr, ledger.DefaultBounds())
			if byFunction, bySHA := callsOf(t, s, "fcall"), callsOf(t, s, "evalsha"); (byFunction > 0) == (refuse != nil) ||
				(bySHA > 0) == (refuse == nil) {
				t.Errorf("%d calls of functions, %d of scripts", byFunction, bySHA)
			}
		})
	}
}

// stageOn is a scenario's stage on the Redis at addr.
func stageOn(t *testing.T, addr string, b ledger.Bounds) stage {
	r := dial(t, addr, b)
	r.stop() // it would look at the real server
	r.scripts = stagedScripts(t, b)
	hset(t, r, "FLUSHALL")
	return stage{Store: forgetful{r}, clock: func(us int64) { hset(t, r, "SET", clockKey, num(us)) },
		on: func(info string, n memory.Node) {
			hset(t, r, "SET", infoKey, info)
			r.durability.synced.Store(n.Fsynced)
			r.mostReplicas = nil
			if n.Capped {
				r.mostReplicas = &n.Cap
			}
		},
		hand: func(words []string) { hset(t, r, words...) },
		once: func(q ledger.DeductRequest) error {
			q.Birth = 0
			out, err := r.deduct(bg, scenarioSale, []ledger.DeductRequest{q})
			if err == nil {
				err = out[0].Err
			}
			return err
		}}
}

// forgetful waits for no replicas before it reads events: there are none.
type forgetful struct{ *Redis }

func (f forgetful) ReadEvents(ctx context.Context, sale string, g ledger.Group, count int) ([]ledger.Event, error) {
	f.durability.sales.Clear()
	return f.Redis.ReadEvents(ctx, sale, g, count)
}
