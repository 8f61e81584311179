// Package storetest has stores for tests.
package storetest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// Watched is a store that counts calls, and fails on demand.
type Watched struct {
	ledger.Store
	Looks, Shows atomic.Int64 // calls of Born, and of Show
	Glances      atomic.Int64
	Hangs        atomic.Bool
	Down         atomic.Bool
	Refuses      atomic.Pointer[string] // name of a sale whose hash makes no sense
}

func (w *Watched) fails(sale string) error {
	if odd := w.Refuses.Load(); odd != nil && *odd == sale {
		return &ledger.Refusal{Code: "BADSALE", Why: "its hash makes no sense"}
	}
	if w.Down.Load() {
		return ledger.ErrDown
	}
	return nil
}

// Born implements ledger.Store.
func (w *Watched) Born(ctx context.Context, birth uint64) (ledger.Found, error) {
	w.Looks.Add(1)
	time.Sleep(time.Millisecond) // of virtual time
	if err := w.fails(""); err != nil {
		return ledger.Found{}, err
	}
	return w.Store.Born(ctx, birth)
}

// Show implements ledger.Store.
func (w *Watched) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	w.Shows.Add(1)
	if err := w.fails(sale); err != nil {
		return ledger.ShowReply{}, err
	}
	return w.Store.Show(ctx, sale)
}

// Revision implements ledger.Store.
func (w *Watched) Revision(ctx context.Context, sale string) (string, error) {
	w.Glances.Add(1)
	if w.Hangs.Load() {
		time.Sleep(ledger.Timeout)
		return "", ledger.ErrDown
	}
	if err := w.fails(sale); err != nil {
		return "", err
	}
	return w.Store.Revision(ctx, sale)
}

// Make makes a sale, and returns its birth.
func (w *Watched) Make(t *testing.T, sale string) uint64 {
	t.Helper()
	time.Sleep(time.Microsecond) // so that no two births are the same
	head, err := w.Create(t.Context(), sale, ledger.CreateRequest{Total: 10, Hold: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return head.Birth
}
