package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"spike/bench"
	"spike/bench/check"
	"spike/bench/crowd"
	"spike/bench/rig"
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

// sample is what each part of each layer has carried so far, by its own counters.
type sample []layer

// layer is the parts of one layer. The router counts packets, a director connections, nginx and edges buys.
type layer struct {
	name, counts string
	parts        []part
}

type part struct {
	name string
	n    int64
}

// less is what was carried since an earlier sample. A part that was restarted counts from zero.
func (s sample) less(before sample) (d sample) {
	for i, l := range s {
		l.parts = slices.Clone(l.parts)
		for k := range l.parts {
			if i < len(before) && before[i].parts[k].n <= l.parts[k].n {
				l.parts[k].n -= before[i].parts[k].n
			}
		}
		d = append(d, l)
	}
	return d
}

// of is the sum of a layer.
func (s sample) of(name string) (sum int64) {
	for _, l := range s {
		if l.name == name {
			sum += l.sum()
		}
	}
	return sum
}

func (l layer) sum() (sum int64) {
	for _, p := range l.parts {
		sum += p.n
	}
	return sum
}

// shares is the percentages of a layer's parts.
func (l layer) shares() string {
	sum := l.sum()
	words := make([]string, len(l.parts))
	for i, p := range l.parts {
		words[i] = "-"
		if sum > 0 {
			words[i] = strconv.FormatInt((100*p.n+sum/2)/sum, 10)
		}
	}
	return strings.Join(words, "/")
}

// sampler reads all counters. A part that does not answer has carried nothing more.
type sampler struct {
	newest sample
	asks   []func(context.Context) error // each asks a part
}

func (l *lab) newSampler() *sampler {
	s, logs := &sampler{}, map[host]*lineCounter{}
	for _, f := range l.fronts {
		logs[f] = &lineCounter{file: filepath.Join(dir, f.Name, accessLog)}
	}
	s.add("router", "packets to", l.directors, l.sentTo)
	s.add("directors", "connections", l.directors, l.passed)
	s.add("nginx", "buys", l.fronts, func(_ context.Context, f host) (int64, error) { return logs[f].count(), nil })
	s.add("edges", "buys", l.edges, buysOf)
	return s
}

func (s *sampler) add(name, counts string, hosts []host, ask func(context.Context, host) (int64, error)) {
	l := layer{name, counts, make([]part, len(hosts))}
	for i, h := range hosts {
		l.parts[i].name = h.Name
		s.asks = append(s.asks, func(ctx context.Context) error {
			n, err := ask(ctx, h)
			if err == nil {
				l.parts[i].n = n
			}
			return err
		})
	}
	s.newest = append(s.newest, l)
}

// take asks all parts at once.
func (s *sampler) take(ctx context.Context) sample {
	_ = together(ctx, s.asks...)
	return s.newest.less(nil) // a copy
}

// sentTo is how many packets the router has sent to a director.
func (l *lab) sentTo(ctx context.Context, d host) (int64, error) {
	text, err := rig.Run(ctx, "", "ip", "-n", string(l.router.Place), "-j", "-s", "link", "show", d.Name)
	return packetsOf(text)[d.Name], err
}

// packetsOf reads ip's output about links.
func packetsOf(text string) map[string]int64 {
	var links []struct {
		Name  string `json:"ifname"`
		Stats struct {
			TX struct {
				Packets int64 `json:"packets"`
			} `json:"tx"`
		} `json:"stats64"`
	}
	_ = json.Unmarshal([]byte(text), &links) // unreadable output counts as nothing carried
	packets := map[string]int64{}
	for _, link := range links {
		packets[link.Name] = link.Stats.TX.Packets
	}
	return packets
}

// passed is how many connections a director has passed on.
func (l *lab) passed(ctx context.Context, d host) (int64, error) {
	b := balancers[l.kind]
	list, err := d.Run(ctx, "", b.program, b.list...)
	if err != nil {
		return 0, err
	}
	return b.sum(list)
}

// buysOf is how many buys an edge has answered, of all sales.
func buysOf(ctx context.Context, e host) (int64, error) {
	m, err := rig.Scrape(ctx, e.Place, adminAddr)
	return int64(m.Sum(rig.BuysTotal)), err
}

// lineCounter counts the buys in a growing log, without the directors' questions.
type lineCounter struct {
	file  string
	at, n int64
}

func (c *lineCounter) count() int64 {
	f, err := os.Open(c.file)
	if err != nil {
		return c.n
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, c.at, math.MaxInt64-c.at)) // what cannot be read yet is read the next time
	c.at += int64(len(text))
	c.n += int64(bytes.Count(text, []byte("\"POST /buy/")))
	return c.n
}
