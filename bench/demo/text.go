package demo

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/check"
)

// width is the width of the report, that of a terminal.
const width = 80

// Text writes the account for people.
func (a *Account) Text(w io.Writer) error {
	var b bytes.Buffer
	a.writeHead(&b)
	a.writeSold(&b)
	a.writeGrowth(&b)
	a.writeSpeed(&b)
	a.writeFindings(&b)
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (a *Account) writeHead(w io.Writer) {
	fmt.Fprintf(w, "%s units, %s requests\n%s\n", num(a.Units), num(a.Requests), strings.Repeat("=", width))
	wrap(w, fmt.Sprintf("%s requests over %s keep-alive connections, each request with a buyer of its own, through "+
		"nginx on %s (weights %s) to four edges and one Redis, all on this machine.",
		num(a.Requests), num(a.Connections), a.Front, weightWords()))
	fmt.Fprintln(w)
	wrap(w, a.Machine.Line())
	wrap(w, strings.Join([]string{a.Machine.Command, "commit " + a.Machine.Commit, a.Machine.Time}, ", "))
}

func (a *Account) writeSold(w io.Writer) {
	title(w, "Sold by each edge")
	row := func(name, weight, requests, share, sold, logged string) {
		fmt.Fprintf(w, "  %-8s %6s %13s %8s %10s %12s\n", name, weight, requests, share, sold, logged)
	}
	row("edge", "weight", "requests", "share", "sold", "in its log")
	all := a.over(EdgeAccount.all)
	for _, e := range a.Edges {
		row(e.Name, num(e.Weight), num(e.all()), percent(e.all(), all), num(e.won()), num(e.Journal.Won))
	}
	row("all", "", num(all), percent(all, all), num(a.over(EdgeAccount.won)),
		num(a.over(func(e EdgeAccount) int64 { return e.Journal.Won })))
	fmt.Fprintf(w, "\n  sold         spike_buys_total{outcome=\"won\"} on the edge's /metrics\n")
	fmt.Fprintf(w, "  in its log   grep -c result:1 edge-N.decisions\n")
}

// growthColumns is how many moments of the sale are shown.
const growthColumns = 6

// writeGrowth is the article's first reading of its log: local sales grow until the stock is sold.
func (a *Account) writeGrowth(w io.Writer) {
	begin, end := a.selling()
	if end <= begin {
		return
	}
	title(w, "Local sales grow until the stock ends (result:1,localSales:N in the logs)")
	row := func(name string, cell func(at int64) string) {
		fmt.Fprintf(w, "  %-8s", name)
		for i := int64(1); i <= growthColumns; i++ {
			fmt.Fprintf(w, " %10s", cell(begin+(end-begin)*i/growthColumns))
		}
		fmt.Fprintln(w)
	}
	row("after", func(at int64) string { return short(time.Duration(at-begin) * time.Microsecond) })
	for _, e := range a.Edges {
		row(e.Name, func(at int64) string { return num(e.Journal.soldBy(at)) })
	}
	row("all", func(at int64) string { return num(a.over(func(e EdgeAccount) int64 { return e.Journal.soldBy(at) })) })
}

// selling is the time from the first decision to the last sold unit, in Unix microseconds.
func (a *Account) selling() (begin, end int64) {
	for _, e := range a.Edges {
		if e.Journal.Lines > 0 && (begin == 0 || e.Journal.First < begin) {
			begin = e.Journal.First
		}
		for _, at := range e.Journal.Sales {
			end = max(end, at)
		}
	}
	return begin, end
}

func (a *Account) writeSpeed(w io.Writer) {
	title(w, "Answers")
	row := func(name, format string, args ...any) { field(w, name, fmt.Sprintf(format, args...)) }
	r := a.Load
	row("requests/s", "%s over %s", num(int64(r.PerSecond())), short(r.Elapsed))
	l := r.Latency
	row("latency", "p50 %s, p90 %s, p99 %s, p99.9 %s", short(l.P50), short(l.P90), short(l.P99), short(l.P999))
	row("slowest answer", "%s", short(l.Max))
	if a.LastAt > 0 {
		row("last unit sold", "%s after the first request", short(a.LastAt))
	}
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		row(fmt.Sprintf("status %d", status), "%s", num(r.Statuses[status]))
	}
	for _, code := range slices.Backward(slices.Sorted(maps.Keys(r.Codes))) {
		row(fmt.Sprintf("code %d", code), "%-12s %s", num(r.Codes[code]), codes[code])
	}
	row("transport errors", "%-12s %s", num(r.Errors), check.Counts(r.ErrorKinds))
	a.writeOutcomes(w)
	a.writeScripts(w)
}

// field writes a line with a name.
func field(w io.Writer, name, text string) {
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-19s%s", name, text), " "))
}

// codes are the codes of the article's contract and ours.
var codes = map[int]string{1: "won", -1: "sold out", -2: "not open yet", -3: "closed", -4: "over the limit", -5: "undecided"}

func (a *Account) writeOutcomes(w io.Writer) {
	sum := map[string]int64{}
	for _, e := range a.Edges {
		for outcome, n := range e.Buys {
			if n > 0 {
				sum[outcome] += n
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(sum), func(x, y string) int { return cmp.Compare(sum[x], sum[y]) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", num(sum[name]), name)
	}
	field(w, "the edges say", strings.Join(names, ", "))
}

func (a *Account) writeScripts(w io.Writer) {
	title(w, "Scripts Redis ran (INFO commandstats)")
	field(w, "while selling", fmt.Sprintf("%-12s %s per unit sold", num(a.SellingN), per(a.SellingN, a.SellingFor)))
	if a.SoldOutFor > 0 {
		field(w, "after", fmt.Sprintf("%-12s %s per sold-out answer, of %s", num(a.SoldOutN), per(a.SoldOutN, a.SoldOutFor),
			num(a.SoldOutFor)))
	}
}

func (a *Account) writeFindings(w io.Writer) {
	title(w, "Is it right?")
	for _, f := range a.Findings {
		fmt.Fprintf(w, "  %s\n", f)
	}
	verdict := "Exactly once each: all of it is right."
	if !a.Passed() {
		verdict = "It is NOT right: see above."
	}
	fmt.Fprintf(w, "\n%s\n", verdict)
	if a.Dir == "" {
		fmt.Fprintln(w, "The logs are gone; --out DIR keeps them.")
		return
	}
	fmt.Fprintf(w, "logs: %s\n", a.Dir)
}

func title(w io.Writer, text string) { fmt.Fprintf(w, "\n%s\n%s\n", text, strings.Repeat("-", width)) }

// wrap breaks text between words.
func wrap(w io.Writer, text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			fmt.Fprintln(w, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(w, line)
}

func num[N int | int64](n N) string { return bench.Number(n) }

func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(whole))
}

// per is n for each, with two significant digits.
func per(n, each int64) string {
	if each == 0 {
		return "-"
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.*f", decimals(n, each), float64(n)/float64(each)), "0"), ".")
}

// decimals is how many digits after the point show two digits of n/each.
func decimals(n, each int64) int {
	d := 1
	for x := float64(n); x > 0 && x < float64(each) && d < 9; x *= 10 {
		d++
	}
	return d
}

// short rounds a duration to about three digits.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
}

// weightWords is 1:2:3:4.
func weightWords() string {
	words := make([]string, 0, len(weights))
	for _, weight := range weights {
		words = append(words, fmt.Sprint(weight))
	}
	return strings.Join(words, ":")
}

func (o Options) crowdWords() string {
	return fmt.Sprintf("%s requests over %s keep-alive connections for %s units", num(o.Requests), num(o.Connections),
		num(o.Units))
}
