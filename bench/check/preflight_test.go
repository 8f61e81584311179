package check

import (
	"maps"
	"testing"
	"time"

	"spike/bench/rig"
)

func TestFactsOfInfo(t *testing.T) {
	f := rig.InfoFields("# Server\r\nredis_version:7.0.15\r\n# Memory\r\n" +
		"maxmemory:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n")
	want := map[string]string{"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "maxmemory": "0", "aof_enabled": "1"}
	if !maps.Equal(f, want) {
		t.Errorf("%v", f)
	}
}

// Row D15: Redis must be 7.0 or newer.
func TestD15Versions(t *testing.T) {
	for version, want := range map[string]bool{"7.0": true, "7.0.15": true, "10.0.1": true,
		"6.2.0": false, "6.2": false, "6.0.16": false, "5.0.14": false, "": false, "x.y": false, "6": false} {
		if got := (facts{info: map[string]string{"redis_version": version}}).judgeVersion().Level == Fine; got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestJudgement(t *testing.T) {
	good := map[string]string{"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "maxmemory": "0", "aof_enabled": "1"}
	for _, c := range []struct {
		name   string
		change func(*facts)
		want   Level
		at     int
	}{
		{"good", func(*facts) {}, Fine, 0},
		{"too old", func(f *facts) { f.info["redis_version"] = "6.0.9" }, Failed, 0},
		{"evicts", func(f *facts) { f.info["maxmemory_policy"], f.info["maxmemory"] = "allkeys-lru", "1000" }, Risky, 1},
		{"would evict", func(f *facts) { f.info["maxmemory_policy"] = "volatile-ttl" }, Risky, 1},
		{"no log", func(f *facts) { f.info["aof_enabled"] = "0" }, Risky, 2},
		{"everysec", func(f *facts) { f.appends = "everysec" }, Risky, 2},
		{"whenever", func(f *facts) { f.appends = "no" }, Risky, 2},
		{"will not say", func(f *facts) { f.appends = "" }, Risky, 2},
		{"a little off", func(f *facts) { f.skew = 400 * time.Millisecond }, Fine, 3},
		{"off", func(f *facts) { f.skew = -600 * time.Millisecond }, Risky, 3},
		{"far off", func(f *facts) { f.skew = -6 * time.Second }, Failed, 3},
	} {
		f := facts{info: maps.Clone(good), appends: "always"}
		c.change(&f)
		for i, found := range f.judge() {
			want := Fine
			if i == c.at {
				want = c.want
			}
			if found.Level != want {
				t.Errorf("%s: %v", c.name, found)
			}
		}
	}
}
