//go:build e2e

package strategies

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// tiny runs one strategy: 50 units, 300 buyers and 40 late ones.
func tiny(t *testing.T, strategy string, hold, settle time.Duration) run {
	t.Helper()
	o := example()
	o.Rounds, o.Only, o.Hold, o.Settle = 1, []string{strategy}, hold, settle
	d, err := o.Run(t.Context(), measure.Host{Program: rigtest.Binary(t), Dir: rigtest.Room(t)})
	if err != nil || len(d.Samples) != 1 {
		t.Fatalf("%v: %+v", err, d.Samples)
	}
	r := d.Samples[0].Raw.(run)
	if r.faulty() != 0 || r.Rush.Answered != 300 || r.Late.Answered != 40 || r.Rush.Latency.P99 <= 0 {
		t.Errorf("%+v", r)
	}
	if r.Rush.Codes[1]+r.Late.Codes[1] != r.Won || r.Rush.Codes[-1]+r.Late.Codes[-1] != 340-r.Won {
		t.Errorf("%d won, answers %v and %v", r.Won, r.Rush.Codes, r.Late.Codes)
	}
	return r
}

func TestOrderThenDeductNeverOversellsAndLeavesTheUnpaidStuck(t *testing.T) {
	t.Parallel()
	r := tiny(t, peers.OrderFirst, time.Second, 0)
	want := Stock{Units: 50, Paid: payers(50), Stuck: 50 - payers(50)}
	if r.Won != 50 || r.LateWon != 0 || r.AfterRush != want || r.End != want {
		t.Errorf("%+v, not %+v", r, want)
	}
	if want.Stuck < 8 || want.Stuck > 22 {
		t.Errorf("%d of 50 stuck is not about 30 %%", want.Stuck)
	}
	checkWrites(t, r, Writes{Inserted: 50, Updated: 50 + want.Paid})
}

// The 300 buyers have their answers before most payments are due, so far more than 50 are promised a unit.
func TestPayThenDeductOversellsByAsManyAsPayTooLate(t *testing.T) {
	t.Parallel()
	r := tiny(t, peers.PayFirst, time.Second, 0)
	if r.Won <= 50 || r.Paid != payers(r.Won) || r.End != (Stock{Units: 50, Paid: r.Paid}) {
		t.Errorf("%+v", r)
	}
	if r.End.Oversold() != r.Paid-50 || r.End.Oversold() < 1 {
		t.Errorf("oversold %d of %d paid", r.End.Oversold(), r.Paid)
	}
	checkWrites(t, r, Writes{Inserted: r.Won, Updated: 2 * r.Paid})
}

// checkWrites compares PostgreSQL's counters. They may include the row of the stock itself.
func checkWrites(t *testing.T, r run, want Writes) {
	t.Helper()
	w := r.Writes
	if w.Inserted < want.Inserted || w.Inserted > want.Inserted+1 || w.Updated != want.Updated || w.Deleted != 0 {
		t.Errorf("writes %+v, not %+v", w, want)
	}
	if w.Transactions < r.Rush.Answered+r.Late.Answered {
		t.Errorf("%d transactions", w.Transactions)
	}
}

// What was not paid for is sold again, by edge, order worker, Redis and PostgreSQL.
func TestPreDeductSellsWhatWasNotPaidFor(t *testing.T) {
	t.Parallel()
	r, paid := tiny(t, PreDeduct, 3*time.Second, 3*time.Second), payers(50)
	if want := (Stock{Units: 50, Paid: paid, OnSale: 50 - paid}); r.Rush.Codes[1] != 50 || r.AfterRush != want {
		t.Errorf("after the rush %+v, not %+v", r.AfterRush, want)
	}
	// The second wave of 40 finds all units that were not paid for. Again some of its winners do not pay.
	if again := 50 - paid; r.LateWon != again || r.End.Stuck != 0 || r.End.Paid != payers(50+again) || r.End.Oversold() != 0 {
		t.Errorf("%d sold again, end %+v", r.LateWon, r.End)
	}
	if r.Writes.Inserted < r.Won { // a row for each serial of a reservation
		t.Errorf("%+v for %d won", r.Writes, r.Won)
	}
}

// Many buyers wait for one commit, and each hears of an order of its own, or of none.
func TestGroupedSellsEachUnitOnce(t *testing.T) {
	t.Parallel()
	pg, err := OpenPostgres(t.Context(), rigtest.Room(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pg.Stop() }()
	d, err := OpenDatabase(t.Context(), pg, "grouped")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	server, err := d.Serve(t.Context(), peers.Grouped, 150, 2, rig.Options{Binary: rigtest.Binary(t), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	var orders sync.Map
	var twice atomic.Int64
	r, err := crowd.Run(t.Context(), crowd.Options{URLs: []string{server.BuyURL(rig.Sale)}, Connections: 64, Requests: 400,
		Dress: crowd.Named, Heard: func(a crowd.Answer) {
			if won, err := a.Reservation(); err == nil && won.Token != "" {
				if _, again := orders.LoadOrStore(won.Token, true); again {
					twice.Add(1)
				}
			}
		}})
	if err != nil || r.Codes[1] != 150 || r.Codes[-1] != 250 || twice.Load() != 0 {
		t.Errorf("%v, %d orders twice: %+v", err, twice.Load(), r)
	}
	for _, what := range []string{"*", "DISTINCT buyer"} {
		if n, err := d.Number(t.Context(), `SELECT count(`+what+`) FROM orders`); n != 150 || err != nil {
			t.Errorf("%d %s, %v", n, what, err)
		}
	}
}
