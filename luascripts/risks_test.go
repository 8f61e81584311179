//go:build integration

package luascripts

import (
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

func TestRisksOfRedisAreNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"--appendonly", "yes", "--appendfsync", "always"}, nil},
		{[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, []string{"appendfsync is everysec"}},
		{[]string{"--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"},
			[]string{"maxmemory-policy is allkeys-lru", "appendonly is no"}},
		{[]string{"--maxmemory", "1gb", "--maxmemory-policy", "noeviction", "--appendonly", "yes", "--appendfsync", "always"}, nil},
		{[]string{"--rename-command", "CONFIG", ""}, nil}, // it may not be asked
		{strings.Fields("--appendonly yes --appendfsync always --user default on nopass ~* &* +@all -hset"),
			[]string{"the user default may not write"}},
	} {
		got := dial(t, rigtest.StartRedis(t, c.args...).Addr, ledger.DefaultBounds()).Risks(bg)
		if len(got) != len(c.says) {
			t.Errorf("%v: %v", c.args, got)
			continue
		}
		for i, says := range c.says {
			if !strings.HasPrefix(got[i], says) {
				t.Errorf("%v: %q", c.args, got[i])
			}
		}
	}
}
