package strategies

import (
	"testing"
	"time"

	"spike/bench/crowd"
)

// ran is an example of a run: 100 units, 1,000 buyers and 100 late ones.
func ran(strategy string, round int, l Ledger) Sample {
	answers := func(n int64) crowd.Result {
		return crowd.Result{Requests: n, Answered: n, Elapsed: time.Second, Statuses: map[int]int64{200: n}}
	}
	return Sample{Strategy: strategy, Round: round, Rush: answers(1000), Late: answers(100), Won: 100, Paid: l.Paid,
		AfterRush: l, End: l, Writes: Writes{Inserted: 100, Updated: 170, Deleted: 5, Transactions: 1100}}
}

func TestSampleThatDoesNotAddUp(t *testing.T) {
	good := ran(OrderFirst, 1, Ledger{Units: 100, Paid: 70, Stuck: 30})
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	lost, forged, silent := good, good, good
	lost.End.Stuck, forged.Paid, silent.Paid, silent.PayFailures = 29, 71, 69, 1
	if lost.check() == nil || forged.check() == nil {
		t.Error("accepted a unit lost, or a payment that is in no book")
	}
	if err := silent.check(); err != nil { // a payment whose answer was lost may be in the database
		t.Error(err)
	}
}

func TestFaultsAreEverythingThatWasNotAnsweredWell(t *testing.T) {
	s := ran(PayFirst, 1, Ledger{Units: 100, Paid: 100})
	if s.Faults() != 0 {
		t.Fatalf("%d", s.Faults())
	}
	s.Rush.Statuses = map[int]int64{200: 990, 503: 10}
	s.Late.Errors, s.PayRefused, s.PayFailures = 1, 2, 4
	if s.Faults() != 17 {
		t.Errorf("%d", s.Faults())
	}
}

func TestSummarise(t *testing.T) {
	sums := Summarise([]Sample{
		ran(PayFirst, 1, Ledger{Units: 100, Paid: 130}), ran(OrderFirst, 1, Ledger{Units: 100, Paid: 70, Stuck: 30}),
		ran(OrderFirst, 2, Ledger{Units: 100, Paid: 68, Stuck: 32}), ran(PayFirst, 2, Ledger{Units: 100, Paid: 110}),
	})
	if len(sums) != 2 || sums[0].Strategy != OrderFirst || sums[1].Strategy != PayFirst {
		t.Fatalf("%+v", sums)
	}
	a, b := sums[0], sums[1]
	if a.Stuck.Min != 30 || a.Stuck.Max != 32 || a.Oversold.Max != 0 || a.PaidEnd.Median != 69 || a.PerSec.Median != 1000 {
		t.Errorf("%+v", a)
	}
	if b.Oversold.Median != 20 || b.Stuck.Max != 0 || b.PaidEnd.Min != 100 || b.Rows.Median != 0.25 || b.Transactions.Median != 1 {
		t.Errorf("%+v", b)
	}
}
