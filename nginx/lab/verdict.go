package lab

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"spike/bench/check"
)

// wins is what winners were told.
type wins struct {
	told     int64
	highest  uint64
	findings []check.Finding
}

func winsOf(t *throng) wins {
	return wins{t.wins.Count(), t.wins.Highest(), t.wins.Findings()}
}

// judge lists what is right and wrong in a trial. It judges no time, because lateness has been an error before.
func (t *trial) judge() []check.Finding {
	all := []check.Finding{t.judgeSold(), t.judgeTold()}
	all = append(all, t.wins.findings...)
	for _, v := range t.audit.Violations {
		all = append(all, check.Fail("audit: %s", v))
	}
	if h := t.heard; h.Odd > 0 {
		all = append(all, check.Fail("%d answers not in the words of the contract: %s", h.Odd, h.OddSample))
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
	return check.OK("sold exactly %s", check.Number(t.units))
}

// judgeTold: owned = told + unanswered. A buyer without an answer, or with "undecided", may have a unit or not.
func (t *trial) judgeTold() check.Finding {
	untold := int64(t.units) - t.wins.told
	if h := t.heard; untold < 0 || untold > h.Unanswered+h.Undecided || t.wins.highest > t.units {
		return check.Fail("%d winners told (serials to %d) and %d requests unanswered or undecided, of %d units", t.wins.told,
			t.wins.highest, h.Unanswered+h.Undecided, t.units)
	}
	return check.OK("%s winners told, %d units of requests that were not answered", check.Number(t.wins.told), untold)
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
				fmt.Fprintf(w, "%s%s: %s\n", "FAIL ", t.name, f.Text)
			}
		}
	}
	return nil
}

func (t *trial) row(w io.Writer) {
	layer, what, at, moved := "-", "nobody", "-", "-"
	if t.death != nil {
		layer, what, at, moved = t.death.layer, t.death.what, check.Number(t.at), short(t.moved)
	}
	if t.name == replicaTrial {
		moved = fmt.Sprintf("sold on %s, then by reopen in %s", short(t.stopped), short(t.reopen))
	}
	h := t.heard
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t\n", layer, what, at, moved, h.failed(), h.Undecided, short(h.Wait),
		check.Number(t.audit.Pending+t.audit.Confirmed), check.Number(t.wins.told))
}

// shares writes what each part carried in the trial without a death.
func shares(w io.Writer, s sample) {
	fmt.Fprintln(w)
	for _, l := range s.layers {
		var words []string
		for _, p := range l.parts {
			words = append(words, fmt.Sprintf("%s %s", p.name, check.Number(p.n)))
		}
		fmt.Fprintf(w, "%-10s %-12s %s  (%s %%)\n", l.name, l.counts, strings.Join(words, ", "), l.shares())
	}
}
