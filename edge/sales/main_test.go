package sales

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"spike/edge/ringdir"
	"spike/luascripts/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testRegistry ends with the test.
func testRegistry(t *testing.T, store ledger.Store) *Registry {
	life, die := context.WithCancel(context.Background())
	s := NewRegistry(life, Config{Store: store, Rings: &ringdir.Dir{}, Log: zerolog.Nop(), Sells: func(string) bool { return true },
		Instance: "test", Lease: 5 * time.Second, Grace: time.Second, Bounds: ledger.DefaultBounds(), EarlyAck: true})
	t.Cleanup(func() { die(); s.Running.End() })
	return s
}
