package strategies

import (
	"fmt"

	"spike/bench/crowd"
)

// Sample is one run of one strategy.
type Sample struct {
	Strategy string `json:"strategy"`
	Round    int    `json:"round"` // from 1

	Rush crowd.Result `json:"rush"`
	Late crowd.Result `json:"late"`

	Won         int64 `json:"won"`          // answers that promised a unit
	LateWon     int64 `json:"late_won"`     // of them, in the second wave
	Paid        int64 `json:"paid"`         // payments taken, as the payers heard
	PayRefused  int64 `json:"pay_refused"`  // payments answered, and not taken
	PayFailures int64 `json:"pay_failures"` // payments nobody answered

	AfterRush Ledger `json:"after_rush"`
	End       Ledger `json:"end"`
	Writes    Writes `json:"writes"`
}

// Requests answered, both waves.
func (s Sample) Requests() int64 { return s.Rush.Answered + s.Late.Answered }

// RowsPerRequest is how many rows the database wrote for each request, payments included.
func (s Sample) RowsPerRequest() float64 { return share(s.Writes.Rows(), s.Requests()) }

// TransactionsPerRequest also counts transactions that only read.
func (s Sample) TransactionsPerRequest() float64 { return share(s.Writes.Transactions, s.Requests()) }

// Faults is how many requests were not answered as they should be.
func (s Sample) Faults() int64 {
	return s.Rush.Errors + s.Late.Errors + s.Requests() - s.Rush.Statuses[200] - s.Late.Statuses[200] + s.PayRefused + s.PayFailures
}

// check compares what the crowd heard with the database or the ledger.
func (s Sample) check() error {
	for _, l := range []Ledger{s.AfterRush, s.End} {
		if err := l.check(); err != nil {
			return err
		}
	}
	if s.PayFailures == 0 && s.Paid != s.End.Paid {
		return fmt.Errorf("%d payments were taken, the books have %d", s.Paid, s.End.Paid)
	}
	return nil
}
