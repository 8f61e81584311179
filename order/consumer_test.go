package order

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// strictRepository refuses rows from one reservation on, and remembers how the others came.
type strictRepository struct {
	Repository
	from atomic.Int64 // a nonce

	mu     sync.Mutex
	nonces [][]int64 // of each transaction's rows
}

func (s *strictRepository) Save(ctx context.Context, e Entry) error {
	var nonces []int64
	for _, r := range e.Rows {
		nonces = append(nonces, r.Nonce)
	}
	if len(nonces) > 0 && slices.Max(nonces) >= s.from.Load() {
		return errAway
	}
	s.mu.Lock()
	s.nonces = append(s.nonces, nonces)
	s.mu.Unlock()
	return s.Repository.Save(ctx, e)
}

// Events of many rows follow events of one row. The events of one read are stored in several transactions, in order, and each
// batch is acknowledged. The batch that fails and the rest wait.
func TestLargeEventsAreCut(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 1000, time.Hour)
	for range 40 {
		store.buy(t, "a", 1)
	}
	for range 40 {
		store.buy(t, "a", 15)
	}
	strict := &strictRepository{Repository: repo}
	const refused = 51 // it is in the middle of one read, and in a transaction with the one before it
	strict.from.Store(refused)
	stop := work(t, store, strict)
	unacked := func() uint64 {
		lag, err := store.EventLag(t.Context(), "a", ledger.Group{Name: ledger.OrdersGroup})
		if err != nil {
			t.Fatal(err)
		}
		return lag.Unread + lag.Pending
	}
	eventually(t, "what can be stored is acknowledged", func() bool { return unacked() == 80-(refused-1) })
	strict.from.Store(1 << 53)
	repo.comesTo(t, "a", map[State]int{Pending: 40 + 40*15})
	allDone(t, store, "a")
	stop()
	last := int64(0)
	for _, nonces := range strict.nonces {
		if len(nonces) > 19+15 {
			t.Errorf("%d rows at once, of a batch of 20", len(nonces))
		}
		if slices.Min(nonces) <= last {
			t.Errorf("%d comes after %d", slices.Min(nonces), last)
		}
		last = slices.Max(nonces)
	}
}

// slipStore fails the first trim.
type slipStore struct {
	ledger.Store
	slipped, trimmed atomic.Bool
}

func (s *slipStore) TrimEvents(ctx context.Context, sale string) error {
	if !s.slipped.Swap(true) {
		return errDownToday
	}
	err := s.Store.TrimEvents(ctx, sale)
	if err == nil {
		s.trimmed.Store(true)
	}
	return err
}

// A failed trim is tried again, though nothing more happens.
func TestTrimIsTriedAgain(t *testing.T) {
	t.Parallel()
	store := newShop()
	store.sale(t, "a", 10, time.Hour)
	store.buy(t, "a", 1)
	slip := &slipStore{Store: store}
	work(t, slip, newSQLite(t))
	eventually(t, "the stream is trimmed", slip.trimmed.Load)
}
