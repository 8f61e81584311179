package memory

import (
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// window is how long buyers may enter.
const window = 5 * time.Second

func named(i int) ledger.Buyer { return ledger.Buyer{7, byte(i >> 8), byte(i)} }

func must[R any](t testing.TB) func(R, error) R {
	return func(r R, err error) R {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}
