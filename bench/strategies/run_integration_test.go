//go:build integration

package strategies

import (
	"os"
	"testing"
	"time"

	"spike/bench/crowd"
)

// tiny runs one strategy that uses only the database: 50 units, 300 buyers and 40 late ones.
func tiny(t *testing.T, strategy string) Sample {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := example()
	o.Binary, o.Rounds, o.Only = binary, 1, []string{strategy}
	steps := 0
	o.OnStep = func(done, all int, _ string) {
		if steps++; done >= all {
			t.Errorf("step %d of %d", done, all)
		}
	}
	samples, err := Run(t.Context(), o)
	if err != nil || len(samples) != 1 || steps != 5 {
		t.Fatalf("%v, %d steps: %+v", err, steps, samples)
	}
	s := samples[0]
	if s.Faults() != 0 || s.Rush.Answered != 300 || s.Late.Answered != 40 ||
		s.Rush.Latency.P99 <= 0 || s.Rush.Latency.P99 > time.Minute {
		t.Errorf("%+v", s)
	}
	if s.Rush.Codes[1]+s.Late.Codes[1] != s.Won || s.Rush.Codes[-1]+s.Late.Codes[-1] != 340-s.Won {
		t.Errorf("%d won, answers %v and %v", s.Won, s.Rush.Codes, s.Late.Codes)
	}
	return s
}

func TestOrderThenDeductNeverOversellsAndLeavesTheUnpaidStuck(t *testing.T) {
	s := tiny(t, OrderFirst)
	want := Ledger{Units: 50, Paid: payers(50), Stuck: 50 - payers(50)}
	if s.Won != 50 || s.LateWon != 0 || s.AfterRush != want || s.End != want {
		t.Errorf("%+v, not %+v", s, want)
	}
	if want.Stuck < 8 || want.Stuck > 22 {
		t.Errorf("%d of 50 stuck is not about 30 %%", want.Stuck)
	}
	checkWrites(t, s, Writes{Inserted: 50, Updated: 50 + want.Paid})
}

// The 300 buyers have their answers before most payments are due, so far more than 50 are promised a unit.
func TestPayThenDeductOversellsByAsManyAsPayTooLate(t *testing.T) {
	s := tiny(t, PayFirst)
	if s.Won <= 50 || s.Paid != payers(s.Won) || s.End != (Ledger{Units: 50, Paid: s.Paid}) {
		t.Errorf("%+v", s)
	}
	if s.End.Oversold() != s.Paid-50 || s.End.Oversold() < 1 {
		t.Errorf("oversold %d of %d paid", s.End.Oversold(), s.Paid)
	}
	checkWrites(t, s, Writes{Inserted: s.Won, Updated: 2 * s.Paid})
}

// checkWrites compares PostgreSQL's counters. They may include the row of the stock itself.
func checkWrites(t *testing.T, s Sample, want Writes) {
	t.Helper()
	w := s.Writes
	if w.Inserted < want.Inserted || w.Inserted > want.Inserted+1 || w.Updated != want.Updated || w.Deleted != 0 {
		t.Errorf("writes %+v, not %+v", w, want)
	}
	if w.Transactions < s.Requests() {
		t.Errorf("%d transactions for %d requests", w.Transactions, s.Requests())
	}
}

// Many buyers wait for one commit, and each hears of an order of its own, or of none.
func TestGroupedSellsEachUnitOnce(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "spike-grouped-") // PostgreSQL may run as another user
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err = os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	s, err := OpenGrouped(t.Context(), binary, dir, 150)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	var orders crowd.Wins
	r, err := crowd.Run(t.Context(), crowd.Options{URLs: []string{s.URL()}, Connections: 64, Requests: 400, Dress: crowd.Named,
		Heard: orders.Hear})
	if err != nil || r.Codes[1] != 150 || r.Codes[-1] != 250 || orders.Wrong() != nil {
		t.Errorf("%v, %q: %+v", err, orders.Wrong(), r)
	}
	if n, err := s.Ordered(t.Context()); n != 150 || err != nil {
		t.Errorf("%d orders, %v", n, err)
	}
	if n, err := s.book.number(t.Context(), `SELECT count(DISTINCT buyer) FROM orders`); n != 150 || err != nil {
		t.Errorf("%d buyers have an order, %v", n, err)
	}
}
