package check

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig"
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
	info    map[string]string
	appends string        // CONFIG's appendfsync; "" if Redis does not tell
	skew    time.Duration // its clock, ahead of ours
	trip    time.Duration // how long the question for the time took
}

func ask(ctx context.Context, c rueidis.Client) (f facts, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	info, err := c.Do(ctx, c.B().Info().Build()).ToString()
	if err != nil {
		return f, err
	}
	f.info = rig.InfoFields(info)
	set, err := c.Do(ctx, c.B().ConfigGet().Parameter("appendfsync").Build()).AsStrMap()
	if _, refused := rueidis.IsRedisErr(err); err != nil && !refused { // hosted ones do not allow CONFIG
		return f, err
	}
	f.appends = set["appendfsync"]
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

func (f facts) judge() []Finding {
	return []Finding{f.judgeVersion(), f.judgeMemory(), f.judgeDisk(), f.judgeClock()}
}

func (f facts) judgeVersion() Finding {
	version := f.info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(major) // 0: no number
	return If(n >= 7, OK("redis version %s", version), Fail("redis version %s: 7.0 or newer is needed", version))
}

func (f facts) judgeMemory() Finding {
	const risk = "a full Redis throws out what it likes, the ledger of a sale too; set it to noeviction"
	policy, harmless := f.info["maxmemory_policy"], ""
	if f.info["maxmemory"] == "0" {
		harmless = ", harmless only while maxmemory is 0"
	}
	return If(policy == "noeviction", OK("maxmemory-policy noeviction"), Warn("maxmemory-policy %s%s: %s", policy, harmless, risk))
}

// appended is what Redis' settings of its log come to.
var appended = map[string]Finding{
	"always":   OK("appendonly yes, appendfsync always"),
	"everysec": Warn("appendfsync everysec: a machine that dies takes the last second or two of sales with it"),
	"no":       Warn("appendfsync no: a machine that dies takes with it what its kernel had not written, 30 s and more"),
	"":         Warn("appendonly yes, appendfsync unknown (CONFIG is refused): a machine that dies may take sales with it"),
}

func (f facts) judgeDisk() Finding {
	if f.info["aof_enabled"] != "1" {
		return Warn("appendonly no: a Redis that dies forgets every sale made since its last snapshot, if there is one")
	}
	return cmp.Or(appended[f.appends], appended[""])
}

// judgeClock: how far Redis' clock is from this machine's.
func (f facts) judgeClock() Finding {
	skew, way := f.skew, "ahead of"
	if skew < 0 {
		skew, way = -skew, "behind"
	}
	unsure := f.trip/2 + time.Microsecond
	if skew <= unsure {
		return OK("redis' clock agrees with ours to %v", unsure.Round(10*time.Microsecond))
	}
	const risky, failed = 500 * time.Millisecond, 5 * time.Second
	said := fmt.Sprintf("redis' clock is %v %s ours", skew.Round(100*time.Microsecond), way)
	switch {
	case skew >= failed:
		return Fail("%s: sales open and holds end by it", said)
	case skew > risky:
		return Warn("%s: sales open and holds end by it", said)
	}
	return OK("%s", said)
}
