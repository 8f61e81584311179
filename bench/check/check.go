// Package check compares a running edge, and the Redis behind it, with what they promise. It buys, and checks every answer.
// The result is a list of findings, one line each. The command fails if a finding is a failure.
package check

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/rig"
	"spike/luascripts/ledger"
)

// Level says how bad a finding is.
type Level int

// The levels. Only Failed makes the check fail.
const (
	Fine Level = iota
	Risky
	Failed
)

// Finding is the result of one check.
type Finding struct {
	Level Level
	Text  string
}

func (f Finding) String() string { return []string{"ok   ", "warn ", "FAIL "}[f.Level] + f.Text }

// OK is a finding without a fault.
func OK(format string, args ...any) Finding { return Finding{Fine, fmt.Sprintf(format, args...)} }

// Warn names a risk.
func Warn(format string, args ...any) Finding { return Finding{Risky, fmt.Sprintf(format, args...)} }

// Fail names a broken promise.
func Fail(format string, args ...any) Finding { return Finding{Failed, fmt.Sprintf(format, args...)} }

// Passed says whether nothing failed.
func Passed(all []Finding) bool {
	return !slices.ContainsFunc(all, func(f Finding) bool { return f.Level == Failed })
}

// If is well if ok, and otherwise bad.
func If(ok bool, well, bad Finding) Finding {
	if ok {
		return well
	}
	return bad
}

// Options of a check.
type Options struct {
	URL         string        // of a sale: http://HOST:PORT/buy/NAME
	Requests    int64         `range:"0..100000000"` // buys; 0: none
	Connections int           `range:"1..65536"`
	P99         time.Duration // the most the 99th percentile may be; 0: any
	Allow503    bool          // "undecided" is a warning, not a failure
	Buyers      bool          // each buy has a buyer of its own, whom a trusted proxy names
}

// check refuses wrong options, and returns where the URL points. Its error wraps bench.ErrUsage.
func (o Options) check() (host, sale string, err error) {
	host, path, err := crowd.Split(o.URL)
	path, _, _ = strings.Cut(path, "?")
	sale, ok := strings.CutPrefix(path, "/buy/")
	switch {
	case err != nil || !ok || sale == "" || strings.Contains(sale, "/"):
		return "", "", fmt.Errorf("%w: --url %q is not http://HOST:PORT/buy/SALE", bench.ErrUsage, o.URL)
	case o.P99 < 0:
		return "", "", fmt.Errorf("%w: --p99 %v is less than nothing", bench.ErrUsage, o.P99)
	}
	return host, sale, measure.Check(o)
}

// Run buys from an edge, and calls say for each finding. With a store it also audits the sale. Its error is about the options
// (bench.ErrUsage), a server that does not listen (bench.ErrDependency), the store (ledger.ErrDown), or ctx. A fault of an
// answer is not an error, but a finding.
func Run(ctx context.Context, o Options, store ledger.Store, say func(Finding)) error {
	host, sale, err := o.check()
	if err == nil {
		err = reach(ctx, host)
	}
	if err != nil {
		return err
	}
	say(OK("%s listens", host))
	if o.Requests == 0 {
		return nil
	}
	all, err := o.buy(ctx)
	if err == nil && store != nil {
		var found []Finding
		found, err = audited(ctx, store, sale)
		all = append(all, found...)
	}
	for _, f := range all {
		say(f)
	}
	return err
}

func reach(ctx context.Context, host string) error {
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return fmt.Errorf("%w: nobody listens at %s: %w", bench.ErrDependency, host, err)
	}
	return c.Close()
}

func (o Options) buy(ctx context.Context) ([]Finding, error) {
	var wins crowd.Wins
	q := crowd.Options{URLs: []string{o.URL}, Connections: o.Connections, Requests: o.Requests, Heard: wins.Hear}
	if o.Buyers {
		q.Dress = crowd.NamedAfter(rand.Text())
	}
	r, err := crowd.Run(ctx, q)
	if err != nil {
		return nil, err
	}
	return slices.Concat(Transport(r), Statuses(r, o.Allow503), Won(&wins), o.slo(r)), nil
}

// Transport says whether every request was answered.
func Transport(r crowd.Result) (all []Finding) {
	requests := bench.Plural(r.Requests, "request")
	if r.Errors > 0 {
		all = append(all, Fail("%s of %s: %s", bench.Plural(r.Errors, "transport error"), requests, Counts(r.ErrorKinds)))
	}
	if r.Unsent > 0 {
		all = append(all, Fail("%s not sent", bench.Plural(r.Unsent, "request")))
	}
	if all == nil {
		all = append(all, OK("%s over %s, all answered: %.0f/s", requests, bench.Plural(r.Connects, "connection"), r.PerSecond()))
	}
	return all
}

// Statuses says whether every answer had a status a buyer may get.
func Statuses(r crowd.Result, allow503 bool) (all []Finding) {
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		said := fmt.Sprintf("%s with status %d", bench.Plural(r.Statuses[status], "answer"), status)
		switch {
		case status == 200:
		case status == 503 && allow503:
			all = append(all, Warn("%s: undecided", said))
		case status == 401:
			all = append(all, Fail("%s: the sale must know its buyers (--buyers names them, if X-Buyer-Id is trusted from here)", said))
		default:
			all = append(all, Fail("%s", said))
		}
	}
	if all == nil && r.Answered > 0 {
		all = append(all, OK("every answer has status 200; by code: %s", Counts(r.Codes)))
	}
	return all
}

// Won says whether the wins are right.
func Won(w *crowd.Wins) (all []Finding) {
	for _, wrong := range w.Wrong() {
		all = append(all, Fail("%s", wrong))
	}
	if n := w.Count(crowd.Won); all == nil {
		all = append(all, If(n > 0, OK("%s: no serial twice, a token with each", bench.Plural(n, "win")), OK("nobody won")))
	}
	return all
}

// slo says whether the answers came in time.
func (o Options) slo(r crowd.Result) []Finding {
	if r.Answered == 0 {
		return nil
	}
	l := r.Latency
	said := fmt.Sprintf("p50 %v, p99 %v, max %v", round(l.P50), round(l.P99), round(l.Max))
	if o.P99 == 0 {
		return []Finding{OK("latency: %s", said)}
	}
	return []Finding{If(l.P99 <= o.P99, OK("latency: %s: p99 is within %v", said, o.P99),
		Fail("latency: %s: p99 is over %v", said, o.P99))}
}

func round(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

// audited says whether the store accounts for every unit of the sale once.
func audited(ctx context.Context, store ledger.Store, sale string) ([]Finding, error) {
	a, err := store.Audit(ctx, sale)
	var refused *ledger.Refusal
	switch {
	case errors.As(err, &refused):
		return []Finding{Fail("audit of %s: %v", sale, err)}, nil
	case err != nil:
		return nil, err
	}
	all := []Finding{If(a.OK, OK("audit: every unit of %s is accounted for once: %s", sale, Account(a)),
		Fail("audit of %s: %s", sale, Account(a)))}
	for _, v := range a.Violations {
		all = append(all, Fail("audit: %s", v))
	}
	return all, nil
}

// Audit is `spike audit` of a rig's sale.
func Audit(ctx context.Context, program, redis string) (a ledger.Audit, err error) {
	out, failed := rig.Run(ctx, "", program, "audit", rig.Sale, "--json", "--redis", redis)
	if json.Unmarshal([]byte(out), &a) != nil { // a failed audit is printed, too
		return a, fmt.Errorf("spike audit: %w", failed)
	}
	return a, nil
}

// Account formats an audit as a sum.
func Account(a ledger.Audit) string {
	var parts []string
	for i, n := range []uint64{a.Free, a.Leased, a.Limbo, a.Pending, a.Confirmed} {
		if n > 0 {
			parts = append(parts, bench.Number(n)+" "+[]string{"free", "leased", "limbo", "pending", "confirmed"}[i])
		}
	}
	return bench.Number(a.Total) + " = " + strings.Join(parts, " + ")
}

// Counts formats a map of counts in a line, by key.
func Counts[K int | string](m map[K]int64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%v: %s", k, bench.Number(m[k])))
	}
	return strings.Join(parts, ", ")
}

// Ready asks a program's operators' side whether it is ready. Its error wraps bench.ErrUsage (no address), or
// bench.ErrDependency (nobody answers).
func Ready(ctx context.Context, admin string) (Finding, error) {
	if _, _, err := net.SplitHostPort(admin); err != nil {
		return Finding{}, fmt.Errorf("%w: --admin %q is not HOST:PORT", bench.ErrUsage, admin)
	}
	c := crowd.NewConn(ctx, admin, 2*time.Second, nil)
	defer c.Close()
	a, err := c.Ask("GET", "/readyz")
	if err != nil {
		return Finding{}, fmt.Errorf("%w: %w", bench.ErrDependency, err)
	}
	if a.Status != 200 {
		return Fail("%s is not ready: %s", admin, strings.TrimSpace(a.String())), nil
	}
	return OK("%s is ready", admin), nil
}
