package lab

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"spike/bench"
	"spike/bench/check"
	"spike/bench/crowd"
)

// judge lists what is right and wrong in a trial. It judges no time, because lateness has been an error before.
func (t *trial) judge() []check.Finding {
	all := []check.Finding{t.judgeSold(), t.judgeTold()}
	all = append(all, check.Won(t.wins)...)
	for _, v := range t.audit.Violations {
		all = append(all, check.Fail("audit: %s", v))
	}
	if odd := t.wins.Odd(); odd != "" {
		all = append(all, check.Fail("not in the words of the contract: %s", odd))
	}
	if h := t.heard; !h.Final.IsZero() && h.LateWin.After(h.Final) {
		all = append(all, check.Fail("somebody heard \"sold out\" for good, and somebody who came later won"))
	}
	if t.death != nil && t.heard.Answered <= t.since {
		all = append(all, check.Fail("nobody was answered after the traffic had moved"))
	}
	if t.death == nil {
		all = append(all, t.judgeShares()...)
	}
	return all
}

// judgeSold: the sale sold exactly its units.
func (t *trial) judgeSold() check.Finding {
	owned := t.audit.Pending + t.audit.Confirmed
	if !t.audit.OK || owned != t.units || t.audit.Total != t.units {
		return check.Fail("audit: %s", check.Account(t.audit))
	}
	return check.OK("sold exactly %s", bench.Number(t.units))
}

// judgeTold: owned = told + unanswered. A buyer without an answer, or with "undecided", may have a unit or not.
func (t *trial) judgeTold() check.Finding {
	told := int64(t.wins.Count(crowd.Won))
	untold := int64(t.units) - told
	if h := t.heard; untold < 0 || untold > h.Unanswered+h.Undecided || t.wins.Highest() > t.units {
		return check.Fail("%d winners told (serials to %d) and %d requests unanswered or undecided, of %d units", told,
			t.wins.Highest(), h.Unanswered+h.Undecided, t.units)
	}
	return check.OK("%s winners told, %d units of requests that were not answered", bench.Number(told), untold)
}

// judgeShares: without a death every part carries something.
func (t *trial) judgeShares() (all []check.Finding) {
	for _, l := range t.carried.layers {
		for _, p := range l.parts {
			if p.n == 0 {
				all = append(all, check.Fail("%s carried nothing", p.name))
			}
		}
	}
	return all
}

// passed says that no trial has a failed finding.
func passed(all []*trial) bool {
	for _, t := range all {
		if !check.Passed(t.judge()) {
			return false
		}
	}
	return true
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
		t.row(tab)
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

func (t *trial) row(w io.Writer) {
	layer, what, at, moved := "-", "nobody", "-", "-"
	if t.death != nil {
		layer, what, at, moved = t.death.layer, t.death.what, bench.Number(t.at), short(t.moved)
	}
	if t.name == replicaTrial {
		moved = fmt.Sprintf("sold on %s, then by reopen in %s", short(t.stopped), short(t.reopen))
	}
	h := t.heard
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t\n", layer, what, at, moved, h.failed(), h.Undecided, short(h.Wait),
		bench.Number(t.audit.Pending+t.audit.Confirmed), bench.Number(t.wins.Count(crowd.Won)))
}

// shares writes what each part carried in the trial without a death.
func shares(w io.Writer, s sample) {
	fmt.Fprintln(w)
	for _, l := range s.layers {
		var words []string
		for _, p := range l.parts {
			words = append(words, fmt.Sprintf("%s %s", p.name, bench.Number(p.n)))
		}
		fmt.Fprintf(w, "%-10s %-12s %s  (%s %%)\n", l.name, l.counts, strings.Join(words, ", "), l.shares())
	}
}
