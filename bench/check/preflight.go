package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// How far Redis' clock may be from this machine's. Holds end and sales open by Redis' clock.
const (
	skewRisky  = 500 * time.Millisecond
	skewFailed = 5 * time.Second
)

// Preflight checks every Redis node behind a client: its version, whether it may lose data, its clock.
func Preflight(ctx context.Context, client rueidis.Client) ([]Finding, error) {
	nodes := client.Nodes()
	var all []Finding
	for _, addr := range slices.Sorted(maps.Keys(nodes)) {
		facts, err := ask(ctx, nodes[addr])
		if err != nil {
			return all, fmt.Errorf("redis %s: %w", addr, err)
		}
		for _, f := range facts.judge() {
			if len(nodes) > 1 {
				f.Text = addr + ": " + f.Text
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// facts is what a Redis says about itself.
type facts struct {
	version, policy     string
	maxmemory           string
	appendonly, appends string        // CONFIG's appendonly and appendfsync; "" if Redis does not tell
	skew                time.Duration // its clock, ahead of ours
	trip                time.Duration // how long the question for the time took
}

func ask(ctx context.Context, c rueidis.Client) (f facts, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	info, err := c.Do(ctx, c.B().Info().Build()).ToString()
	if err != nil {
		return f, err
	}
	f = factsOf(info)
	if set, err := setting(ctx, c, "appendfsync"); err == nil {
		f.appends = set
	} else if _, refused := rueidis.IsRedisErr(err); !refused { // hosted ones do not allow CONFIG
		return f, err
	}
	before := time.Now()
	now, err := c.Do(ctx, c.B().Time().Build()).AsIntSlice()
	if err == nil && len(now) != 2 {
		err = fmt.Errorf("%d numbers, not 2", len(now))
	}
	if err != nil {
		return f, fmt.Errorf("TIME: %w", err)
	}
	f.trip = time.Since(before)
	f.skew = time.Unix(now[0], now[1]*1000).Sub(before.Add(f.trip / 2))
	return f, nil
}

func setting(ctx context.Context, c rueidis.Client, name string) (string, error) {
	m, err := c.Do(ctx, c.B().ConfigGet().Parameter(name).Build()).AsStrMap()
	return m[name], err
}

// factsOf reads INFO.
func factsOf(info string) (f facts) {
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "redis_version":
			f.version = value
		case "maxmemory_policy":
			f.policy = value
		case "maxmemory":
			f.maxmemory = value
		case "aof_enabled":
			f.appendonly = map[string]string{"0": "no", "1": "yes"}[value]
		}
	}
	return f
}

func (f facts) judge() []Finding {
	return []Finding{f.judgeVersion(), f.judgeMemory(), f.judgeDisk(), f.judgeClock()}
}

func (f facts) judgeVersion() Finding {
	if !atLeast(f.version, 7, 0) {
		return Fail("redis version %s: 7.0 or newer is needed", f.version)
	}
	return OK("redis version %s", f.version)
}

// atLeast compares "7.0.15" with a version.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(parts[1])
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}

func (f facts) judgeMemory() Finding {
	const risk = "a full Redis throws out what it likes, the ledger of a sale too; set it to noeviction"
	switch {
	case f.policy == "noeviction":
		return OK("maxmemory-policy noeviction")
	case f.maxmemory == "0":
		return Warn("maxmemory-policy %s, harmless only while maxmemory is 0: %s", f.policy, risk)
	}
	return Warn("maxmemory-policy %s: %s", f.policy, risk)
}

func (f facts) judgeDisk() Finding {
	if f.appendonly != "yes" {
		return Warn("appendonly no: a Redis that dies forgets every sale made since its last snapshot, if there is one")
	}
	switch f.appends {
	case "always":
		return OK("appendonly yes, appendfsync always")
	case "everysec":
		return Warn("appendfsync everysec: a machine that dies takes the last second or two of sales with it")
	case "no":
		return Warn("appendfsync no: a machine that dies takes with it what its kernel had not written, 30 s and more")
	}
	return Warn("appendonly yes, appendfsync unknown (CONFIG is refused): a machine that dies may take sales with it")
}

func (f facts) judgeClock() Finding {
	skew, way := f.skew, "ahead of"
	if skew < 0 {
		skew, way = -skew, "behind"
	}
	unsure := f.trip/2 + time.Microsecond
	if skew <= unsure {
		return OK("redis' clock agrees with ours to %v", unsure.Round(10*time.Microsecond))
	}
	said := fmt.Sprintf("redis' clock is %v %s ours", skew.Round(100*time.Microsecond), way)
	switch {
	case skew >= skewFailed:
		return Fail("%s: sales open and holds end by it", said)
	case skew > skewRisky:
		return Warn("%s: sales open and holds end by it", said)
	}
	return OK("%s", said)
}
