package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"spike/bench"
	"spike/bench/check"
	"spike/bench/crowd"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/luascripts/ledger"
)

// Account is what happened.
type Account struct {
	Machine                report.Machine
	Requests, Units        int64
	Connections            int
	Front                  string
	Dir                    string // where the logs are; empty: they are removed
	Load                   crowd.Result
	Wins                   int64
	LastAt                 time.Duration // from the first request to the last sold unit; 0: not all were sold
	Edges                  []EdgeAccount
	Total, Sold            string // the hash's fields
	SellingN, SoldOutN     int64  // scripts until the hash showed the last unit as sold, and after
	SellingFor, SoldOutFor int64  // units that the first ones sold, answers during the others; 0: not known
	Audit                  ledger.Audit
	Findings               []check.Finding
}

// EdgeAccount is one edge's part.
type EdgeAccount struct {
	Name    string
	Weight  int
	Buys    map[string]int64 // by outcome, from its metrics
	Dropped int64            // lines its log could not keep
	Journal journal
}

// Passed says whether nothing failed.
func (a *Account) Passed() bool { return check.Passed(a.Findings) }

// Won is how many units the edge has sold.
func (e EdgeAccount) Won() int64 { return e.Buys["won"] }

// All is how many buys it has answered.
func (e EdgeAccount) All() (n int64) {
	for _, outcome := range e.Buys {
		n += outcome
	}
	return n
}

// All is the edges together.
func (a *Account) All() EdgeAccount {
	all := EdgeAccount{Name: "all", Buys: map[string]int64{}}
	for _, e := range a.Edges {
		for outcome, n := range e.Buys {
			all.Buys[outcome] += n
		}
		all.Journal.join(e.Journal)
	}
	return all
}

// closing reads all counters, stops the front so that the logs are whole, and audits the ledger.
func (a *Account) closing(ctx context.Context, c *rush) error {
	s := c.stage
	for _, e := range s.edges {
		m, err := e.server.Metrics(ctx)
		if err != nil {
			a.find(check.Fail("%s: %v", e.name, err))
		}
		a.Edges = append(a.Edges, EdgeAccount{Name: e.name, Weight: e.weight,
			Buys: m.By("outcome", rig.BuysTotal, "sale", sale), Dropped: int64(m.Sum("spike_decision_log_dropped_total"))})
	}
	s.site.CloseSelling()
	for i, e := range s.edges {
		var err error
		if a.Edges[i].Journal, err = readJournal(e.log); err != nil {
			a.find(check.Fail("%s: %v", e.name, err))
		}
	}
	var err error
	if a.Total, a.Sold, err = s.fields(ctx); err != nil {
		return err
	}
	if a.Audit, err = s.store.Audit(ctx, sale); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	a.judge(c)
	return nil
}

func (a *Account) find(f ...check.Finding) { a.Findings = append(a.Findings, f...) }

// judge compares answers, metrics, logs and ledger.
func (a *Account) judge(c *rush) {
	a.find(a.judgeSold(c.want), a.judgeHighest(c.wins.Highest()))
	a.find(slices.Concat(check.Won(&c.wins), check.Transport(a.Load), check.Statuses(a.Load, true))...)
	a.find(a.judgeEdges()...)
	a.find(a.judgeHash(), a.judgeAudit())
	for _, v := range a.Audit.Violations {
		a.find(check.Fail("audit: %s", v))
	}
}

func (a *Account) judgeSold(want int64) check.Finding {
	if a.Wins != want {
		return check.Fail("%s of %s units sold, by the answers", bench.Number(a.Wins), bench.Number(want))
	}
	return check.OK("%s units sold of %s, by the answers", bench.Number(a.Wins), bench.Number(a.Units))
}

func (a *Account) judgeHighest(top uint64) check.Finding {
	if top > uint64(a.Units) {
		return check.Fail("serial %d given, of %s", top, bench.Number(a.Units))
	}
	return check.OK("no serial above %s", bench.Number(a.Units))
}

// judgeEdges compares the metrics, the logs and the answers.
func (a *Account) judgeEdges() (all []check.Finding) {
	for _, e := range a.Edges {
		missing := e.Won() - e.Journal.Won
		switch {
		case e.Dropped == 0 && (missing != 0 || e.Journal.Top != e.Won() || e.Journal.Lines != e.All()),
			missing < 0, missing > e.Dropped:
			all = append(all, check.Fail("%s sold %s by its metrics, %s by its log (localSales %s, %s lines dropped)", e.Name,
				bench.Number(e.Won()), bench.Number(e.Journal.Won), bench.Number(e.Journal.Top), bench.Number(e.Dropped)))
		case e.Dropped > 0:
			all = append(all, check.Warn("%s dropped %s lines of its log rather than let a buyer wait", e.Name,
				bench.Number(e.Dropped)))
		}
	}
	if sold := a.All().Won(); sold != a.Wins {
		all = append(all, check.Fail("%s sold by the edges' metrics, %s by the answers", bench.Number(sold),
			bench.Number(a.Wins)))
	}
	if check.Passed(all) {
		all = append(all, check.OK("answers, metrics and decision logs say the same"))
	}
	return all
}

func (a *Account) judgeHash() check.Finding {
	if a.Total != fmt.Sprint(a.Units) || a.Sold != fmt.Sprint(a.Wins) {
		return check.Fail("%s: %s of %s sold", hashKey, a.Sold, a.Total)
	}
	return check.OK("%s: %s %s, %s %s", hashKey, rig.TotalField, a.Total, rig.SoldField, a.Sold)
}

func (a *Account) judgeAudit() check.Finding {
	owned := a.Audit.Pending + a.Audit.Confirmed
	if !a.Audit.OK || owned != uint64(a.Wins) {
		return check.Fail("audit: %s", check.Account(a.Audit))
	}
	return check.OK("audit: every unit once: %s", check.Account(a.Audit))
}
