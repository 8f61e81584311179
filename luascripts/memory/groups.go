package memory

import (
	"context"

	"spike/luascripts/ledger"
)

// BindGroup is ledger.Store's.
func (e *Store) BindGroup(_ context.Context, group string, b ledger.Binding, take bool) (ledger.Binding, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	has, bound := e.bound[group]
	mine := has.ID == b.ID && (has.Place == b.Place || has.Beats == b.Beats)
	if bound && !mine && !take {
		return has, nil
	}
	b.Beats = has.Beats + 1
	e.bound[group] = b
	return b, nil
}

// EventsStored is ledger.Store's.
func (e *Store) EventsStored(_ context.Context, sale string, q ledger.Group) (ledger.Stored, error) {
	return with(e, sale, func(t *Twin, _ int64) (ledger.Stored, error) {
		out := ledger.Stored{Birth: t.head.Birth}
		if needed := e.stream(sale, t).needed(q.Name); needed > 1 {
			out.Number = needed - 1
		}
		return out, nil
	})
}
