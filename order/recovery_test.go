package order

import (
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Row P12: a store has lost history, its sale has no hold, and only a worker runs. The worker begins the recovery, and sees it
// through.
func TestP12WorkerAloneEndsARecovery(t *testing.T) {
	t.Parallel()
	b := ledger.DefaultBounds()
	b.Lease, b.Margin, b.Cover = 60*time.Millisecond, 20*time.Millisecond, 60*time.Millisecond
	store := memory.New(b, time.Now)
	store.On(memory.Node{Era: 1, Run: 1})
	if _, err := store.Create(t.Context(), "a", ledger.CreateRequest{Total: 3}); err != nil {
		t.Fatal(err)
	}
	if r, err := store.Deduct(t.Context(), "a", ledger.DeductRequest{N: 1, Nonce: 1}); err != nil ||
		r.Answer != ledger.Granted {
		t.Fatal(r, err)
	}
	store.On(memory.Node{Era: 2, Run: 2})
	reopens := func() int64 {
		shown, err := store.Show(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return shown.Reopens
	}
	if reopens() == 0 {
		t.Fatal("nothing is lost")
	}
	work(t, store, nil)
	eventually(t, "units are granted again", func() bool { return reopens() == 0 })
	if r, err := store.Deduct(t.Context(), "a", ledger.DeductRequest{N: 1, Nonce: 2}); err != nil ||
		r.Answer != ledger.Granted {
		t.Error(r, err)
	}
}
