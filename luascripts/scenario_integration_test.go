//go:build integration

package luascripts

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/luascripts/redistest"
)

// Where the scripts of a scenario read the clock, and what INFO says.
const (
	clockKey = "scenario:clock"
	infoKey  = "scenario:info"
)

var asksInfo = regexp.MustCompile(`redis\.pcall\('INFO'[^)]*\)`)

// staged is a script that reads the clock and INFO from keys. Nobody waits for the replicas that this INFO tells of.
func staged(t *testing.T, s script) script {
	t.Helper()
	if !asksInfo.MatchString(s.text) && strings.Contains(s.text, "INFO") {
		t.Fatal("a script asks for INFO in another way")
	}
	text := strings.ReplaceAll(s.text, "redis.call('TIME')",
		"{string.match(redis.call('GET', '"+clockKey+"'), '^(%d+)(%d%d%d%d%d%d)$')}")
	s.widens = false
	return s.of(asksInfo.ReplaceAllString(text, "redis.call('GET', '"+infoKey+"')"))
}

// stagedScripts are all scripts so.
func stagedScripts(t *testing.T, b ledger.Bounds) (s scripts) {
	t.Helper()
	s = newScripts(b)
	for _, one := range s.named() {
		*one = staged(t, *one)
	}
	if !strings.Contains(s.lease.text, clockKey) || !strings.Contains(s.lease.text, infoKey) {
		t.Fatal("scripts read the clock, or INFO, in another way")
	}
	return s
}

// TestScenariosOnRedis plays them with the scripts, on a real Redis whose clock and INFO are what the scenario says.
func TestScenariosOnRedis(t *testing.T) {
	addr := redistest.Start(t)
	runScenarios(t, func(t *testing.T, b ledger.Bounds) stage {
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
	}, true)
}

// forgetful waits for no replicas before it reads events: there are none.
type forgetful struct{ *Redis }

func (f forgetful) ReadEvents(ctx context.Context, sale string, g ledger.Group, count int) ([]ledger.Event, error) {
	f.durability.sales.Clear()
	return f.Redis.ReadEvents(ctx, sale, g, count)
}
