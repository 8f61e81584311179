package lab

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"spike/bench"
	"spike/bench/check"
	"spike/bench/crowd"
)

// board prints a line for each event, and one a second with what each part carries.
type board struct {
	out   io.Writer
	begun time.Time

	mu     sync.Mutex
	trial  *trial
	heard  heard // at the newest line, as those below
	ticked time.Time
	seen   sample
}

// say prints an event.
func (b *board) say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.out, "%6.2f  %s\n", time.Since(b.begun).Seconds(), fmt.Sprintf(format, args...))
}

// watch switches to another sale.
func (b *board) watch(t *trial) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trial, b.heard, b.ticked = t, heard{}, time.Now()
}

// run prints the table until ctx ends.
func (b *board) run(ctx context.Context, s *sampler) error {
	for bench.Sleep(ctx, time.Second) {
		b.tick(s.take(ctx))
	}
	return nil
}

// heads is the table's head.
func (b *board) heads() {
	fmt.Fprintf(b.out, "%6s  %-9s %13s %7s %6s %5s %10s %11s %8s %14s\n", "s", "sale", "sold", "/s", "failed", "503",
		"router %", "directors %", "nginx %", "edges %")
}

// tick prints a line of the table.
func (b *board) tick(now sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	carried := now.less(b.seen)
	b.seen = now
	if b.trial == nil {
		return
	}
	h := b.trial.buyers.now()
	rate := float64(h.Answered-b.heard.Answered) / time.Since(b.ticked).Seconds()
	b.heard, b.ticked = h, time.Now()
	sold := bench.Number(h.Won) + "/" + bench.Number(b.trial.units)
	fmt.Fprintf(b.out, "%6.2f  %-9s %13s %7.0f %6d %5d", time.Since(b.begun).Seconds(), b.trial.name, sold, rate,
		h.failed(), h.Undecided)
	for i, l := range carried {
		fmt.Fprintf(b.out, "%*s", []int{11, 12, 9, 15}[i], l.shares())
	}
	fmt.Fprintln(b.out)
}

// judge lists what is right and wrong in a trial. It judges no time, because lateness has been an error before.
func (t *trial) judge() []check.Finding {
	all := append([]check.Finding{t.judgeSold(), t.judgeTold()}, check.Won(t.wins)...)
	fail := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, check.Fail(format, args...))
		}
	}
	for _, v := range t.audit.Violations {
		fail(true, "audit: %s", v)
	}
	odd, h := t.wins.Odd(), t.heard
	fail(odd != "", "not in the words of the contract: %s", odd)
	fail(!h.Final.IsZero() && h.LateWin.After(h.Final), "somebody heard \"sold out\" for good, and somebody who came later won")
	fail(t.death != nil && h.Answered <= t.since, "nobody was answered after the traffic had moved")
	for _, l := range t.carried {
		for _, p := range l.parts {
			fail(t.death == nil && p.n == 0, "%s carried nothing", p.name)
		}
	}
	return all
}

// judgeSold: the sale sold exactly its units.
func (t *trial) judgeSold() check.Finding {
	if !t.audit.OK || t.owned() != t.units || t.audit.Total != t.units {
		return check.Fail("audit: %s", check.Account(t.audit))
	}
	return check.OK("sold exactly %s", bench.Number(t.units))
}

func (t *trial) owned() uint64 { return t.audit.Pending + t.audit.Confirmed }

// judgeTold: owned = told + unanswered. A buyer without an answer, or with "undecided", may have a unit or not.
func (t *trial) judgeTold() check.Finding {
	told, unsure := int64(t.wins.Count(crowd.Won)), t.heard.Unanswered+t.heard.Undecided
	untold := int64(t.units) - told
	if untold < 0 || untold > unsure || t.wins.Highest() > t.units {
		return check.Fail("%d winners told (serials to %d) and %d requests unanswered or undecided, of %d units", told,
			t.wins.Highest(), unsure, t.units)
	}
	return check.OK("%s winners told, %d units of requests that were not answered", bench.Number(told), untold)
}

// passed says that no trial has a failed finding.
func passed(all []*trial) bool {
	return !slices.ContainsFunc(all, func(t *trial) bool { return !check.Passed(t.judge()) })
}

// verdict writes the result of a round.
func verdict(w io.Writer, all []*trial) error {
	for _, t := range all {
		if t.death == nil {
			shares(w, t.carried)
		}
	}
	fmt.Fprintln(w)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "layer\twhat dies\twhen sold\ttraffic moved\tfailed\t503\tlongest wait\tsold\ttold\t")
	for _, t := range all {
		layer, what, at, moved := "-", "nobody", "-", "-"
		if d := t.death; d != nil {
			layer, what, at, moved = d.layer, d.what, bench.Number(t.at), t.moved
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t\n", layer, what, at, moved, t.heard.failed(), t.heard.Undecided,
			short(t.heard.Wait), bench.Number(t.owned()), bench.Number(t.wins.Count(crowd.Won)))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	for _, t := range all {
		for _, f := range t.judge() {
			if f.Level == check.Failed {
				fmt.Fprintf(w, "FAIL %s: %s\n", t.name, f.Text)
			}
		}
	}
	return nil
}

// shares writes what each part carried in the trial without a death.
func shares(w io.Writer, s sample) {
	fmt.Fprintln(w)
	for _, l := range s {
		var words []string
		for _, p := range l.parts {
			words = append(words, fmt.Sprintf("%s %s", p.name, bench.Number(p.n)))
		}
		fmt.Fprintf(w, "%-10s %-12s %s  (%s %%)\n", l.name, l.counts, strings.Join(words, ", "), l.shares())
	}
}
