package storetest

import (
	"testing"
	"time"

	"spike/luascripts"
	"spike/luascripts/ledger"
)

// Embedded is an embedded store with one sale, "ticket".
func Embedded(t testing.TB, total uint64, hold time.Duration) *luascripts.Embedded {
	t.Helper()
	store := luascripts.NewEmbedded(ledger.DefaultBounds(), time.Now)
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: total, Hold: hold}); err != nil {
		t.Fatal(err)
	}
	return store
}
