package sales

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// answerer is a store that tells of its keys in slices of 1,000, and fails at the calls that it is told to.
type answerer struct {
	ledger.Store
	keys  int
	era   uint64
	calls int
	fails map[int]bool
}

func (s *answerer) Renew(context.Context, string, ledger.RenewRequest) (ledger.RenewReply, error) {
	return ledger.RenewReply{Head: ledger.Head{Birth: 7, Total: 1}}, nil
}

func (s *answerer) Revision(context.Context, string) (string, error) {
	return fmt.Sprint(s.era, s.keys), nil
}

func (s *answerer) Answers(_ context.Context, _ string, q ledger.AnswersRequest) (ledger.AnswersReply, error) {
	if s.calls++; s.fails[s.calls] {
		return ledger.AnswersReply{}, ledger.ErrDown
	}
	var last int64
	if q.Last != nil {
		last = q.Last.Wins.Last
	}
	r := ledger.AnswersReply{Head: ledger.Head{Era: s.era}, Mark: ledger.AnswersMark{Wins: ledger.LogMark{Last: last}}}
	for ; r.Mark.Wins.Last < int64(s.keys) && len(r.Keys) < ledger.MaxAnswers; r.Mark.Wins.Last++ {
		r.Keys = append(r.Keys, hashNo(int(r.Mark.Wins.Last)))
	}
	r.More = r.Mark.Wins.Last < int64(s.keys)
	return r, nil
}

// Wherever a look fails, the next one that does not fail knows every key: at the first filter, at a larger one, in a new era.
func TestLooksThatFailForgetNoAnswer(t *testing.T) {
	for fail := range 12 {
		synctest.Test(t, func(t *testing.T) {
			store := &answerer{keys: 3500, era: 1, fails: map[int]bool{fail: true}}
			s := testRegistry(t, store)
			sale, err := s.Find("ticket")
			if err != nil {
				t.Fatal(err)
			}
			v := &allotment.Verdict{Reason: allotment.NoneNow}
			look := func() {
				for err := sale.LookForAnswers(v); err != nil; err = sale.LookForAnswers(v) {
					if !errors.Is(err, ledger.ErrDown) {
						t.Fatal(err)
					}
				}
				for i := range store.keys {
					h := hashNo(i)
					if !sale.MayHaveAnswer(ledger.IdempotencyKey(append(h[:], h[:]...)), ledger.Buyer{}) {
						t.Fatalf("call %d failed: key %d of %d is denied", fail, i, store.keys)
					}
				}
			}
			look()
			store.keys = 5200 // more than the first filter has room for
			look()
			store.era = 2
			look()
		})
	}
}
