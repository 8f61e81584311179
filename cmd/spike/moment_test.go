package main

import (
	"strings"
	"testing"
	"time"
)

// Row D20: times on the command line.
func TestD20Moments(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-11-22T20:00:00+08:00": time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		"2026-11-22T20:00:00.5Z":    time.Date(2026, 11, 22, 20, 0, 0, 5e8, time.UTC),
	} {
		var m moment
		if err := m.UnmarshalText([]byte(text)); err != nil || !m.Equal(want) {
			t.Errorf("%s: %v %v", text, m, err)
		}
	}
	for text, wait := range map[string]time.Duration{
		"+1m": time.Minute, "+1h30m": 90 * time.Minute, "+250ms": 250 * time.Millisecond,
	} {
		var m moment
		from := time.Now()
		if err := m.UnmarshalText([]byte(text)); err != nil || m.Before(from.Add(wait)) || m.After(time.Now().Add(wait)) {
			t.Errorf("%s: %v %v", text, m, err)
		}
	}
	for _, text := range []string{"", "+", "+1", "+-1m", "++1m", "-1m", "1m", "+0s", "now", "2026-11-22", "2026-11-22T20:00:00",
		"2026-11-22 20:00:00Z"} {
		var m moment
		err := m.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "+10m") || strings.Contains(err.Error(), "2006") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestD20NodeNamesAreSaneAndUnique(t *testing.T) {
	first := map[string]string{}
	for _, listen := range []string{":3005", "127.0.0.1:3005", "127.0.0.2:3005", "127.0.0.1:3006", "[::1]:3005", "localhost:3007",
		"127.0.0.1:0"} {
		name := (&ServeCmd{}).node(listen)
		if other, taken := first[name]; taken {
			t.Errorf("%s and %s are both %s", listen, other, name)
		}
		first[name] = listen
	}
	host := strings.TrimSuffix((&ServeCmd{}).node(":3005"), ":3005")
	for listen, want := range map[string]string{
		"0.0.0.0:3005": host + ":3005", "[::]:3005": host + ":3005", "127.0.0.1:23005": host + "/127.0.0.1:23005",
	} {
		if got := (&ServeCmd{}).node(listen); got != want {
			t.Errorf("%s: %s, not %s", listen, got, want)
		}
	}
	if got := (&ServeCmd{Node: "mine"}).node(":1"); got != "mine" {
		t.Error(got)
	}
}
