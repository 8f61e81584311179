// Package strategies measures three sequences of a buyer's order, its payment and the deduction from the stock. One crowd
// meets all three, on a real PostgreSQL at its default durability:
//
//	order-then-deduct  as package peers has it. A unit that is never paid for stays deducted.
//	pay-then-deduct    as package peers has it. Paying has no condition: a buyer who pays when the stock is at 0 gets nothing.
//	pre-deduct         Spike: the edge reserves, the order worker writes the orders afterwards, paying is the edge's
//	                   confirm, and a unit that is not paid for when its hold ends is sold again.
//
// A condition on the second's decrement would not change its count, only its name: those buyers would hear "refund" instead.
//
// A run is a first wave of buyers, each with one request, then their payments, then the hold and a pause. Then a second,
// smaller wave finds the units that came back, followed by its payments and the same wait. The seed and k decide whether and
// when the k-th winner pays, so all three strategies meet the same crowd.
package strategies

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/report"
	"spike/bench/rig"
)

// Options of a measurement.
type Options struct {
	Rounds      int           `default:"6" range:"1..100" help:"How many rounds: A B C, then C B A. The result is their median."`
	Units       int64         `default:"2000" range:"1..10000000" help:"Units of the sale."`
	Buyers      int64         `default:"20000" range:"1..10000000" help:"Buyers of the first wave. Each sends one request."`
	Late        int64         `default:"2000" range:"0..10000000" help:"Buyers of the second wave, after the hold. 0: none."`
	Connections int           `default:"64" range:"1..1024" help:"Connections of the crowd."`
	Pool        int           `default:"24" range:"1..64" help:"Connections of a server to PostgreSQL."`
	NeverPay    int           `default:"30" range:"0..100" placeholder:"PERCENT" help:"How many of the winners never pay."`
	Hold        time.Duration `default:"2s" range:"1s..1m" help:"Hold of a reservation."`
	Settle      time.Duration `default:"3s" range:"0s..1m" help:"How long to wait after the hold, before counting."`
	Seed        uint64        `default:"1" help:"Seed that decides who pays, and when."`
	Only        []string      `placeholder:"NAME" help:"Strategies (order-then-deduct, pay-then-deduct, pre-deduct) to measure."`
}

// PreDeduct is Spike.
const PreDeduct = "pre-deduct"

var names = []string{peers.OrderFirst, peers.PayFirst, PreDeduct}

// Run measures the strategies.
func (o Options) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = errors.Join(measure.Check(o), measure.Known("strategy", o.Only, names)); err != nil {
		return d, err
	}
	pg, err := OpenPostgres(ctx, h.Dir)
	if err != nil {
		return d, err
	}
	defer func() { _ = pg.Stop() }()
	samples, err := measure.Experiment[string]{Parts: []measure.Part{{Subjects: measure.Choose(o.Only, names)}}, Rounds: o.Rounds,
		Turns: measure.Alternate, Open: func(_ context.Context, _, name string) (string, error) { return name, nil },
		Load: func(ctx context.Context, name string, t measure.Turn) (measure.Sample, error) {
			return o.load(ctx, h, pg, name, fmt.Sprintf("%s-%d", name, t.Round))
		}}.Run(ctx, h)
	return o.doc(report.ThisMachine(ctx), samples), err
}

// run is one turn of one strategy.
type run struct {
	Rush crowd.Result `json:"rush"`
	Late crowd.Result `json:"late"`

	Won         int64 `json:"won"`          // answers that promised a unit
	LateWon     int64 `json:"late_won"`     // of them, in the second wave
	Paid        int64 `json:"paid"`         // payments taken, as the payers heard
	PayRefused  int64 `json:"pay_refused"`  // payments answered, and not taken
	PayFailures int64 `json:"pay_failures"` // payments nobody answered

	AfterRush Stock  `json:"after_rush"`
	End       Stock  `json:"end"`
	Writes    Writes `json:"writes"`
}

// load opens a shop on a database of its own, sends the crowd, and counts.
func (o Options) load(ctx context.Context, h measure.Host, pg *rig.Postgres, name, turn string) (m measure.Sample, err error) {
	d, err := OpenDatabase(ctx, pg, turn)
	if err != nil {
		return m, err
	}
	defer d.Close()
	s, err := o.open(ctx, h.Program, name, filepath.Join(h.Dir, turn), d)
	if err != nil {
		return m, err
	}
	defer s.Close()
	before, err := d.writes(ctx)
	if err != nil {
		return m, err
	}
	r, err := s.visit(ctx)
	s.Close() // a database counts a connection's work when the connection ends
	if err != nil {
		return m, err
	}
	after, err := d.writes(ctx)
	r.Writes = after.since(before)
	return r.sample(), errors.Join(err, r.check())
}

// visit is the two waves and the state of their orders.
func (s *shop) visit(ctx context.Context) (r run, err error) {
	till := newTill(ctx, s.Options, s.pay)
	defer till.close()
	if r.Rush, r.AfterRush, err = s.wave(ctx, s.Buyers, till); err != nil {
		return r, err
	}
	r.End = r.AfterRush
	rushWon := till.won.Load()
	if s.Late > 0 {
		if r.Late, r.End, err = s.wave(ctx, s.Late, till); err != nil {
			return r, err
		}
	}
	r.Won, r.LateWon = till.won.Load(), till.won.Load()-rushWon
	r.Paid, r.PayRefused, r.PayFailures = till.paid.Load(), till.refused.Load(), till.failed.Load()
	return r, s.settle(ctx)
}

// wave is buyers, their payments, and the time after which no unpaid order may keep a unit.
func (s *shop) wave(ctx context.Context, buyers int64, t *till) (r crowd.Result, at Stock, err error) {
	r, err = crowd.Run(ctx, crowd.Options{URLs: []string{s.Servers[0].BuyURL(rig.Sale)}, Requests: buyers, Timeout: payTimeout,
		Connections: int(min(int64(s.Connections), buyers)), Dress: crowd.Named, Heard: t.note})
	if err != nil {
		return r, at, err
	}
	t.due.Wait()
	if !bench.Sleep(ctx, s.Hold+s.Settle) {
		return r, at, ctx.Err()
	}
	at, err = s.count(ctx)
	return r, at, err
}

func (r run) faulty() int64 {
	answered := r.Rush.Answered + r.Late.Answered
	return r.Rush.Errors + r.Late.Errors + answered - r.Rush.Statuses[200] - r.Late.Statuses[200] + r.PayRefused + r.PayFailures
}

// check compares what the crowd heard with the database or the ledger.
func (r run) check() error {
	if err := errors.Join(r.AfterRush.check(), r.End.check()); err != nil {
		return err
	}
	if r.PayFailures == 0 && r.Paid != r.End.Paid {
		return fmt.Errorf("%d payments were taken, the books have %d", r.Paid, r.End.Paid)
	}
	return nil
}

func (r run) sample() measure.Sample {
	requests := r.Rush.Answered + r.Late.Answered
	paid := func(s Stock) float64 { return 100 * measure.Share(min(s.Paid, s.Units), s.Units) }
	return measure.Sample{Raw: r, Figures: measure.Figures{
		"per_sec": r.Rush.PerSecond(), "p50_ms": measure.Millis(r.Rush.Latency.P50), "p99_ms": measure.Millis(r.Rush.Latency.P99),
		"rows": measure.Share(r.Writes.Rows(), requests), "transactions": measure.Share(r.Writes.Transactions, requests),
		"won": float64(r.Won), "oversold": float64(r.End.Oversold()), "stuck": float64(r.End.Stuck), "on_sale": float64(r.End.OnSale),
		"paid_rush": paid(r.AfterRush), "paid_end": paid(r.End), measure.Faulty: float64(r.faulty())}}
}

func (o Options) doc(machine report.Machine, s measure.Samples) report.Doc {
	ranged := func(head string, digits int, figure string) report.Column {
		return report.Range(head, digits, measure.Median(figure))
	}
	rush := report.Rows("The rush", "strategy", s, s.Subjects(), ranged("requests/s", 0, "per_sec"), ranged("p50 ms", 2, "p50_ms"),
		ranged("p99 ms", 2, "p99_ms"), ranged("rows written/request", 3, "rows"), ranged("transactions/request", 3, "transactions"),
		report.Col("faulty", 0, measure.Sum(measure.Faulty)))
	end := report.Percent("paid at the end", 1, measure.Median("paid_end"))
	end.Range = true
	units := report.Rows("The units", "strategy", s, s.Subjects(), ranged("promised", 0, "won"), ranged("oversold", 0, "oversold"),
		ranged("stuck unpaid", 0, "stuck"), ranged("still on sale", 0, "on_sale"),
		report.Percent("paid after the rush", 1, measure.Median("paid_rush")), end)
	units.Notes = []string{fmt.Sprintf("medians of %s; %d units, %d buyers and %d late ones on %d connections, "+
		"%d %% of the winners never pay, hold %v, %d connections to PostgreSQL, seed %d", bench.Plural(o.Rounds, "round"), o.Units,
		o.Buyers, o.Late, o.Connections, o.NeverPay, o.Hold, o.Pool, o.Seed)}
	return report.Doc{Name: "strategies", Title: "Three orders of doing things", Machine: machine, Options: o,
		Tables: []report.Table{rush, units}, Panels: panels(s), Samples: s,
		Foot: "Bars: medians; whiskers: all rounds. Only ratios mean anything."}
}

// panels show four figures, each with another beside it.
func panels(s measure.Samples) (all []report.Panel) {
	for _, p := range []struct {
		title, legend, figure string
		digits                int
		note, beside          string // a format, and the figure in it
		besideDigits          int
	}{
		{"How fast the crowd is answered", "requests/s in the rush", "per_sec", 0, "p99 %s ms", "p99_ms", 0},
		{"What the database does", "transactions per request", "transactions", 3, "%s rows written", "rows", 2},
		{"Sold to nobody", "units stuck with orders never paid, at the end", "stuck", 0, "%s %% are paid for", "paid_end", 1},
		{"Sold twice", "buyers who paid for a unit that was not there", "oversold", 0, "of %s promised", "won", 0},
	} {
		panel := report.Panel{Title: p.title, Legend: p.legend}
		for _, name := range s.Subjects() {
			mine := s.Of(name)
			panel.Bars = append(panel.Bars, report.Bar{Name: name, Main: name == PreDeduct, Value: mine.Spread(p.figure), Digits: p.digits,
				Note: fmt.Sprintf(p.note, report.Number(mine.Spread(p.beside), p.besideDigits))})
		}
		all = append(all, panel)
	}
	return all
}
