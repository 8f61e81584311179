//go:build e2e

package strategies

import (
	"os"
	"testing"
	"time"
)

// TestPreDeductSellsWhatWasNotPaidFor drives the built binary (SPIKE_BIN): edge, order worker, Redis and PostgreSQL.
func TestPreDeductSellsWhatWasNotPaidFor(t *testing.T) {
	o := example()
	if o.Binary = os.Getenv("SPIKE_BIN"); o.Binary == "" {
		t.Fatal("SPIKE_BIN names no binary: make e2e sets it")
	}
	o.Rounds, o.Only, o.Hold, o.Settle = 1, []string{PreDeduct}, 3*time.Second, 3*time.Second
	samples, err := Run(t.Context(), o)
	if err != nil || len(samples) != 1 {
		t.Fatalf("%v: %+v", err, samples)
	}
	s, paid := samples[0], payers(50)
	if s.Faults() != 0 || s.Rush.Codes[1] != 50 {
		t.Errorf("%+v", s)
	}
	if want := (Ledger{Units: 50, Paid: paid, OnSale: 50 - paid}); s.AfterRush != want {
		t.Errorf("after the rush %+v, not %+v", s.AfterRush, want)
	}
	// The second wave of 40 finds all units that were not paid for. Again some of its winners do not pay.
	if again := 50 - paid; s.LateWon != again || s.End.Stuck != 0 || s.End.Paid != payers(50+again) || s.End.Oversold() != 0 {
		t.Errorf("%d sold again, end %+v", s.LateWon, s.End)
	}
	if s.Writes.Inserted < s.Won { // a row for each serial of a reservation
		t.Errorf("%+v for %d won", s.Writes, s.Won)
	}
}
