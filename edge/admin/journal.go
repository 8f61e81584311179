package admin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// noteTimeout is for an entry. What the operator did is done, whether the journal has it or not.
const noteTimeout = 500 * time.Millisecond

// Journaled is a store whose journal has what an operator did with it.
type Journaled struct {
	Store
	Who  string // the operator, as far as is known
	From string // api, cli or page
}

func (j Journaled) note(ctx context.Context, err error, e ledger.Entry) {
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	e.Who, e.From = j.Who, j.From
	_ = j.Note(ctx, e) // a journal that is refused or away stops nobody
}

// Create is Store's.
func (j Journaled) Create(ctx context.Context, sale string, q ledger.CreateRequest) (ledger.Head, error) {
	h, err := j.Store.Create(ctx, sale, q)
	what := []string{fmt.Sprintf("%d units", q.Total), "hold " + q.Hold.String()}
	if q.Limit > 0 {
		what = append(what, fmt.Sprintf("%d per buyer", q.Limit))
	}
	if !q.Opens.IsZero() {
		what = append(what, "opens "+q.Opens.UTC().Format(time.RFC3339))
	}
	if !q.Closes.IsZero() {
		what = append(what, "closes "+q.Closes.UTC().Format(time.RFC3339))
	}
	if q.Shuffle > 0 {
		what = append(what, "drawn by lot "+q.Shuffle.String()+" after it opens")
	}
	j.note(ctx, err, ledger.Entry{Did: "created", Sale: sale, What: strings.Join(what, ", ")})
	return h, err
}

// doorsDid is what an operator did who moved the doors there.
var doorsDid = map[string]string{"open": "resumed", "paused": "paused", "closed": "closed"}

// Change is Store's. A repeated request adds once, and is noted once.
func (j Journaled) Change(ctx context.Context, sale string, q ledger.ChangeRequest) (ledger.Head, error) {
	h, err := j.Store.Change(ctx, sale, q)
	if q.Add > 0 {
		j.note(ctx, err, ledger.Entry{Did: "added", Sale: sale, What: fmt.Sprintf("%d units", q.Add),
			Once: fmt.Sprintf("added %s %d %s", sale, h.Birth, q.Request)})
	}
	if q.To != "" {
		j.note(ctx, err, ledger.Entry{Did: doorsDid[q.To], Sale: sale})
	}
	return h, err
}

// Remove is Store's.
func (j Journaled) Remove(ctx context.Context, sale string) error {
	err := j.Store.Remove(ctx, sale)
	j.note(ctx, err, ledger.Entry{Did: "removed", Sale: sale})
	return err
}

// Reopen is Store's.
func (j Journaled) Reopen(ctx context.Context, sale string, q ledger.ReopenRequest) (ledger.Head, error) {
	h, err := j.Store.Reopen(ctx, sale, q)
	what := fmt.Sprintf("it waits for %d replicas", h.Replicas)
	if q.Grants {
		what += "; units are granted although history may be lost"
	}
	j.note(ctx, err, ledger.Entry{Did: "reopened", Sale: sale, What: what})
	return h, err
}

// Mend is Store's.
func (j Journaled) Mend(ctx context.Context, sale string) (ledger.Head, error) {
	h, err := j.Store.Mend(ctx, sale)
	j.note(ctx, err, ledger.Entry{Did: "mended", Sale: sale})
	return h, err
}
