package storetest

import (
	"testing"
	"time"

	"spike/luascripts"
)

// Embedded is an embedded store with one sale, "ticket".
func Embedded(t testing.TB, total uint64, hold time.Duration) *luascripts.Embedded {
	t.Helper()
	store := luascripts.NewEmbedded(luascripts.DefaultBounds(), time.Now)
	if _, err := store.Create(t.Context(), "ticket", luascripts.CreateRequest{Total: total, Hold: hold}); err != nil {
		t.Fatal(err)
	}
	return store
}
