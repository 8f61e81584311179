package storetest

import (
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Embedded is an embedded store with one sale, "ticket".
func Embedded(t testing.TB, total uint64, hold time.Duration) *memory.Store {
	t.Helper()
	store := memory.New(ledger.DefaultBounds(), time.Now)
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: total, Hold: hold}); err != nil {
		t.Fatal(err)
	}
	return store
}
