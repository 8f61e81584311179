package dashboard

import (
	"bytes"
	"context"
	_ "embed" // the template
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	reply "spike/edge/answer"
	"spike/luascripts/ledger"
)

//go:embed report.html.tmpl
var reportText string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"group": group, "time": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
	"unix": func(ms *int64) string { return time.UnixMilli(*ms).UTC().Format("2006-01-02 15:04:05") + " UTC" },
	"lag":  func(us int64) string { return (time.Duration(us) * time.Microsecond).Round(time.Millisecond).String() },
}).Parse(reportText))

// report is everything about a sale in one file that needs nothing else: no script, no other file.
func (l *Looker) report(w http.ResponseWriter, r *http.Request) {
	sale := r.PathValue("sale")
	after, ok := l.join(sale)
	if !ok {
		full.Write(w)
		return
	}
	defer l.leave(sale)
	l.first(r.Context(), after)
	page, err := l.gatherReport(r.Context(), sale, languageOf(r.URL.Query().Get("lang")))
	var text bytes.Buffer
	if err == nil {
		err = reportTemplate.Execute(&text, page)
	}
	switch {
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, ledger.ErrName):
		reply.NewProblem(http.StatusNotFound, "no_such_sale", err.Error()).Reply().Write(w)
	case err != nil:
		reply.NewProblem(http.StatusServiceUnavailable, "store", err.Error()).Soon().Reply().Write(w)
	default:
		protect(w.Header(), reportPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(text.Bytes())
	}
}

// reportPage is what a report tells.
type reportPage struct {
	words
	Printed   time.Time
	Version   string
	Sale      Sale
	Places    []part
	Outcomes  []part
	Audit     ledger.Audit
	Entries   []entryLine
	Charts    []chart
	Edges     []Process
	Orders    []ordersLine
	Draw      *Draw
	StoreLook StoreLook
}

// part is a number by its name, and its share of all.
type part struct {
	Key, Name string
	N         uint64
	X, Width  float64 // of its bar, of 1000
}

type entryLine struct {
	At time.Time
	ledger.Entry
}

// ordersLine is how far a worker is with the sale.
type ordersLine struct {
	Node, Database string
	ledger.OrdersSale
	Parked, Refused uint64
}

func (l *Looker) gatherReport(ctx context.Context, sale string, in words) (p reportPage, err error) {
	if err = ledger.CheckName(sale); err != nil {
		return p, err
	}
	shown, err := l.cfg.Store.Show(ctx, sale)
	if err != nil {
		return p, err
	}
	p = reportPage{words: in, Printed: time.Now(), Version: l.cfg.Version}
	if p.Audit, err = l.cfg.Store.Audit(ctx, sale); err != nil {
		return p, err
	}
	if p.Entries, err = l.entriesOf(ctx, sale); err != nil {
		return p, err
	}
	l.tell(func(b *board) { b.fill(&p, &l.cfg, sale, shown) })
	return p, nil
}

// entriesOf are a sale's entries of the journal, oldest first.
func (l *Looker) entriesOf(ctx context.Context, sale string) (all []entryLine, err error) {
	before := ""
	for range ledger.JournalMost / ledger.EntriesMost * 2 {
		entries, err := l.cfg.Store.Entries(ctx, before, ledger.EntriesMost)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Sale == sale {
				all = append(all, entryLine{entryTime(e), e})
			}
		}
		if len(entries) < ledger.EntriesMost {
			break
		}
		before = entries[len(entries)-1].ID
	}
	slices.Reverse(all)
	return all, nil
}

// fill adds what the board knows.
func (b *board) fill(p *reportPage, cfg *Config, name string, shown ledger.ShowReply) {
	now := time.Now()
	s := &sale{name: name, shown: shown, known: true, at: now, fetched: now}
	p.Sale, p.StoreLook = b.saleLook(s, b.front(), now), b.storeLook(cfg, now)
	h := shown.Head
	p.Places = parts(p.Words, placeKeys[:], []uint64{h.Free, h.Leased, h.Limbo, h.Pending, h.Confirmed})
	var heard []uint64
	for _, o := range outcomes {
		heard = append(heard, p.Sale.Buys[o])
	}
	p.Outcomes = slices.DeleteFunc(parts(p.Words, outcomes[:], heard), func(o part) bool { return o.N == 0 })
	if d := b.detail(name, cfg.Bounds, now); d != nil {
		p.Draw = d.Draw
	}
	if known := b.sales[name]; known != nil && known.series != nil && len(known.series.points) > 1 {
		p.Charts = charts(p.Words, known.series)
	}
	for _, process := range b.processes(cfg.Bounds, nil, now) {
		if process.Kind == ledger.EdgeKind {
			p.Edges = append(p.Edges, process)
		}
		if process.Orders != nil {
			p.Orders = append(p.Orders, ordersOf(process, name))
		}
	}
}

// ordersOf is how far a worker is with a sale. A sale that it does not name has nothing to be done.
func ordersOf(p Process, sale string) ordersLine {
	line := ordersLine{Node: p.Node, Database: p.Orders.Database, Parked: p.Orders.Parked, Refused: p.Orders.Refused}
	line.Sale = sale
	for _, s := range p.Orders.Sales {
		if s.Sale == sale {
			line.OrdersSale = s
		}
	}
	return line
}

// placeKeys are the places of a unit.
var placeKeys = [5]string{"free", "leased", "limbo", "pending", "confirmed"}

// parts are numbers by their names, with bars that stand beside each other.
func parts(words map[string]string, keys []string, numbers []uint64) (all []part) {
	total := uint64(0)
	for _, n := range numbers {
		total += n
	}
	x := 0.0
	for i, n := range numbers {
		width := 1000 * float64(n) / float64(max(total, 1))
		all = append(all, part{keys[i], words[keys[i]], n, x, width})
		x += width
	}
	return all
}

// group writes a number with a thin space before each three digits.
func group(v any) string {
	if n, is := v.(*uint64); is {
		v = *n
	}
	text := fmt.Sprint(v)
	var out strings.Builder
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			out.WriteRune('\u202f')
		}
		out.WriteRune(c)
	}
	return out.String()
}
