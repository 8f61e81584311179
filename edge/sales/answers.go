package sales

import (
	"context"
	"sync/atomic"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// While nothing is left to sell, the ledger need only see those buys under a key that may have an answer already, and in a sale
// with a limit those of buyers who may have won. An edge knows them by a filter, and asks the ledger for what is new.

// answers is what this edge knows of a sale's answers.
type answers struct {
	filter atomic.Pointer[filter]            // complete as of the last look that did not fail; nil: there was none
	final  atomic.Pointer[allotment.Verdict] // that nothing can be won any more: the filter is complete for as long as it stands

	// What the look under way has to itself. A look that fails leaves it to the next one, which goes on.
	revision string  // of the sale, when the filter was complete
	made     *filter // has all up to mark
	era      uint64
	mark     *ledger.AnswersMark
}

// looks gathers buys that wait for the same look.
type looks = gather[struct{}, struct{}]

// newLooks makes one look at a time. Buys that come meanwhile share the next look.
func (s *Registry) newLooks(sale *Sale) *looks {
	return &looks{life: s.life, most: MaxWaiting, weight: MaxWaiting, wait: deductWait, calls: make(semaphore, 1),
		weigh: func(struct{}) int { return 1 },
		call: func([]struct{}) (struct{}, error) {
			return struct{}{}, sale.answers.look(context.WithoutCancel(s.life), s.cfg.Store, sale)
		}}
}

// LookForAnswers brings the filter up to a moment that is not before the call. v is the verdict that was read before.
func (s *Sale) LookForAnswers(v *allotment.Verdict) error {
	if s.answers.final.Load() == v {
		return nil
	}
	_, _, err := s.gathers().looks.ask(struct{}{})
	if err == nil && v.Reason == allotment.SoldOut {
		s.answers.final.Store(v)
	}
	return err
}

// AnswersAreFinal says that the filter is complete for as long as a verdict stands.
func (s *Sale) AnswersAreFinal(v *allotment.Verdict) bool { return s.answers.final.Load() == v }

// MayHaveAnswer says whether a key may have an answer, or a buyer under a limit may have won, as of the last look.
func (s *Sale) MayHaveAnswer(key ledger.IdempotencyKey, buyer ledger.Buyer) bool {
	f := s.answers.filter.Load()
	return f == nil || f.mayHave('k', [8]byte(key[:8])) || s.Limit > 0 && f.mayHave('b', buyer)
}

// look asks for what is new, if anything has changed. The revision is read first, so that a later change is seen the next time.
func (a *answers) look(ctx context.Context, store Store, sale *Sale) error {
	ctx, cancel := context.WithTimeout(ctx, ledger.Timeout)
	defer cancel()
	revision, err := store.Revision(ctx, sale.Name)
	if err != nil || revision == a.revision {
		return err
	}
	if a.made == nil {
		a.made = newFilter(int(min(sale.View().Total, maxRoom)) + spareRoom)
	}
	for more := true; more; {
		reply, err := store.Answers(ctx, sale.Name, ledger.AnswersRequest{Birth: sale.Birth, Last: a.mark})
		switch {
		case err != nil:
			return err
		case a.mark != nil && a.era != reply.Era: // lost history may have counted otherwise: what is known stays, and all is asked for
			a.mark = nil
			continue
		case a.made.has+len(reply.Keys)+len(reply.Buyers) > a.made.room:
			a.made, a.mark = newFilter(2*a.made.room+len(reply.Keys)+len(reply.Buyers)), nil
			continue
		}
		for _, key := range reply.Keys {
			a.made.add('k', key)
		}
		for _, buyer := range reply.Buyers {
			a.made.add('b', buyer)
		}
		a.era, a.mark, more = reply.Era, &reply.Mark, reply.More
	}
	a.filter.Store(a.made)
	a.revision = revision
	return nil
}

// A filter's first room is that of a key and a buyer for most units of a sale. It grows.
const (
	maxRoom   = 1 << 20
	spareRoom = 1 << 12
)
