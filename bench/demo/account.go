package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"spike/bench/check"
	"spike/bench/crowd"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/luascripts/ledger"
)

// Account is what happened.
type Account struct {
	Options
	Machine                report.Machine
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
		j := &all.Journal
		if e.Journal.Lines > 0 && (j.Lines == 0 || e.Journal.First < j.First) {
			j.First = e.Journal.First
		}
		j.Lines, j.Won, j.Sales = j.Lines+e.Journal.Lines, j.Won+e.Journal.Won, append(j.Sales, e.Journal.Sales...)
	}
	return all
}

// closing reads all counters, stops the front so that the logs are whole, and audits the ledger.
func (a *Account) closing(ctx context.Context, s *stage) error {
	for i, server := range s.site.Servers {
		m, err := server.Metrics(ctx)
		if err != nil {
			a.find(check.Fail("%s: %v", server.Name, err))
		}
		a.Edges = append(a.Edges, EdgeAccount{Name: server.Name, Weight: weights[i],
			Buys: m.By("outcome", rig.BuysTotal, "sale", sale), Dropped: int64(m.Sum("spike_decision_log_dropped_total"))})
	}
	s.site.CloseSelling()
	for i, e := range a.Edges {
		var err error
		if a.Edges[i].Journal, err = readJournal(s.log(e.Name)); err != nil {
			a.find(check.Fail("%s: %v", e.Name, err))
		}
	}
	hash, err := s.site.Redis.Ask(ctx, "HGETALL", hashKey)
	if err != nil {
		return err
	}
	fields, err := hash.AsStrMap()
	if err != nil {
		return fmt.Errorf("%s: %w", hashKey, err)
	}
	a.Total, a.Sold = fields[rig.TotalField], fields[rig.SoldField]
	if a.Audit, err = check.Audit(ctx, a.Binary, s.site.Redis.Addr); err != nil {
		return err
	}
	a.judge(s)
	return nil
}

func (a *Account) find(f ...check.Finding) { a.Findings = append(a.Findings, f...) }

// judge compares answers, metrics, logs and ledger.
func (a *Account) judge(s *stage) {
	top := s.wins.Highest()
	a.find(check.If(a.Wins == s.want, check.OK("%s units sold of %s, by the answers", num(a.Wins), num(a.Units)),
		check.Fail("%s of %s units sold, by the answers", num(a.Wins), num(s.want))))
	a.find(check.If(top <= uint64(a.Units), check.OK("no serial above %s", num(a.Units)),
		check.Fail("serial %d given, of %s", top, num(a.Units))))
	a.find(slices.Concat(check.Won(&s.wins), check.Transport(a.Load), check.Statuses(a.Load, true), a.judgeEdges())...)
	a.find(check.If(a.Total == fmt.Sprint(a.Units) && a.Sold == fmt.Sprint(a.Wins),
		check.OK("%s: %s %s, %s %s", hashKey, rig.TotalField, a.Total, rig.SoldField, a.Sold),
		check.Fail("%s: %s of %s sold", hashKey, a.Sold, a.Total)))
	account := check.Account(a.Audit)
	a.find(check.If(a.Audit.OK && a.Audit.Pending+a.Audit.Confirmed == uint64(a.Wins),
		check.OK("audit: every unit once: %s", account), check.Fail("audit: %s", account)))
	for _, v := range a.Audit.Violations {
		a.find(check.Fail("audit: %s", v))
	}
}

// judgeEdges compares the metrics, the logs and the answers.
func (a *Account) judgeEdges() (all []check.Finding) {
	for _, e := range a.Edges {
		missing := e.Won() - e.Journal.Won
		switch {
		case e.Dropped == 0 && (missing != 0 || e.Journal.Top != e.Won() || e.Journal.Lines != e.All()),
			missing < 0, missing > e.Dropped:
			all = append(all, check.Fail("%s sold %s by its metrics, %s by its log (localSales %s, %s lines dropped)", e.Name,
				num(e.Won()), num(e.Journal.Won), num(e.Journal.Top), num(e.Dropped)))
		case e.Dropped > 0:
			all = append(all, check.Warn("%s dropped %s lines of its log rather than let a buyer wait", e.Name, num(e.Dropped)))
		}
	}
	if sold := a.All().Won(); sold != a.Wins {
		all = append(all, check.Fail("%s sold by the edges' metrics, %s by the answers", num(sold), num(a.Wins)))
	}
	if check.Passed(all) {
		all = append(all, check.OK("answers, metrics and decision logs say the same"))
	}
	return all
}

// journal is what an edge's decision log says. A line of the log has `result:1,localSales:17` and the time in microseconds.
type journal struct {
	Lines int64   // decisions
	Won   int64   // those with result:1, as grep -c counts them
	Top   int64   // the highest localSales
	First int64   // time of the first decision, Unix microseconds
	Sales []int64 // times of the decisions that sold
}

func readJournal(file string) (journal, error) {
	f, err := os.Open(file)
	if err != nil {
		return journal{}, fmt.Errorf("decision log: %w", err)
	}
	defer f.Close()
	j, err := journalOf(f)
	if err != nil {
		return j, fmt.Errorf("decision log %s: %w", file, err)
	}
	return j, nil
}

// decision is a line of the log: its time, its result, and its edge's local sales.
var decision = regexp.MustCompile(`^{"sale":"[^"]*","us":(\d+),"message":"result:([01]),localSales:(\d+)"}$`)

func journalOf(r io.Reader) (j journal, err error) {
	lines := bufio.NewScanner(bufio.NewReaderSize(r, 1<<18))
	for lines.Scan() {
		found := decision.FindStringSubmatch(lines.Text())
		if found == nil {
			return j, fmt.Errorf("line %d: %q is no decision", j.Lines+1, lines.Text())
		}
		us, _ := strconv.ParseInt(found[1], 10, 64)
		local, _ := strconv.ParseInt(found[3], 10, 64)
		if j.Lines == 0 || us < j.First {
			j.First = us
		}
		j.Lines++
		j.Top = max(j.Top, local)
		if found[2] == "1" {
			j.Won++
			j.Sales = append(j.Sales, us)
		}
	}
	return j, lines.Err()
}

// soldBy is how many units were sold until a moment.
func (j journal) soldBy(us int64) (n int64) {
	for _, at := range j.Sales {
		if at <= us {
			n++
		}
	}
	return n
}
