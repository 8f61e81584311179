package check

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/luascripts/ledger"
)

// Auditor is the part of a store that a check uses.
type Auditor interface {
	Audit(ctx context.Context, sale string) (ledger.Audit, error)
}

// Run buys from an edge, and calls say for each finding. With a store it also audits the sale. Its error is about the options
// (bench.ErrUsage), a server that does not listen (bench.ErrDependency), the store (ledger.ErrDown), or ctx. A fault of an
// answer is not an error, but a finding.
func Run(ctx context.Context, o Options, store Auditor, say func(Finding)) error {
	host, sale, err := o.check()
	if err != nil {
		return err
	}
	if err = reach(ctx, host); err != nil {
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

// buy sends the requests and checks every answer.
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
func Transport(r crowd.Result) []Finding {
	if r.Errors == 0 && r.Unsent == 0 {
		return []Finding{OK("%s over %s, all answered: %.0f/s",
			bench.Plural(r.Requests, "request"), bench.Plural(r.Connects, "connection"), r.PerSecond())}
	}
	var all []Finding
	if r.Errors > 0 {
		all = append(all, Fail("%s of %s: %s", bench.Plural(r.Errors, "transport error"), bench.Plural(r.Requests, "request"),
			Counts(r.ErrorKinds)))
	}
	if r.Unsent > 0 {
		all = append(all, Fail("%s not sent", bench.Plural(r.Unsent, "request")))
	}
	return all
}

// reasons are why a status is heard, where the buyer cannot know.
var reasons = map[int]string{
	http.StatusUnauthorized: ": the sale must know its buyers (--buyers names them, if X-Buyer-Id is trusted from here)",
}

// Statuses says whether every answer had a status a buyer may get.
func Statuses(r crowd.Result, allow503 bool) []Finding {
	if r.Answered == 0 {
		return nil
	}
	var all []Finding
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		n := r.Statuses[status]
		switch {
		case status == 200:
		case status == 503 && allow503:
			all = append(all, Warn("%s with status 503: undecided", bench.Plural(n, "answer")))
		default:
			all = append(all, Fail("%s with status %d%s", bench.Plural(n, "answer"), status, reasons[status]))
		}
	}
	if all == nil {
		all = append(all, OK("every answer has status 200; by code: %s", Counts(r.Codes)))
	}
	return all
}

// Won says whether the wins are right.
func Won(w *crowd.Wins) (all []Finding) {
	for _, wrong := range w.Wrong() {
		all = append(all, Fail("%s", wrong))
	}
	switch n := w.Count(crowd.Won); {
	case all == nil && n == 0:
		return []Finding{OK("nobody won")}
	case all == nil:
		return []Finding{OK("%s: no serial twice, a token with each", bench.Plural(n, "win"))}
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
	switch {
	case o.P99 == 0:
		return []Finding{OK("latency: %s", said)}
	case l.P99 > o.P99:
		return []Finding{Fail("latency: %s: p99 is over %v", said, o.P99)}
	}
	return []Finding{OK("latency: %s: p99 is within %v", said, o.P99)}
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
func audited(ctx context.Context, store Auditor, sale string) ([]Finding, error) {
	a, err := store.Audit(ctx, sale)
	var refused *ledger.Refusal
	if errors.As(err, &refused) {
		return []Finding{Fail("audit of %s: %v", sale, err)}, nil
	}
	if err != nil {
		return nil, err
	}
	if a.OK {
		return []Finding{OK("audit: every unit of %s is accounted for once: %s", sale, Account(a))}, nil
	}
	all := []Finding{Fail("audit of %s: %s", sale, Account(a))}
	for _, v := range a.Violations {
		all = append(all, Fail("audit: %s", v))
	}
	return all, nil
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
