package order

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/luascripts"
)

// strictRepository refuses rows from a reservation on, and keeps how the others came.
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

// After events of one row come events of many: what was read at once is stored in transactions of a batch, in order, and
// each is acknowledged; the one that fails and the rest wait.
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
	const refused = 51 // is in the middle of what is read at once, and in a transaction with the one before it
	strict.from.Store(refused)
	stop := work(t, store, strict)
	unacked := func() uint64 {
		lag, err := store.EventLag(t.Context(), "a", luascripts.Group{Name: luascripts.OrdersGroup})
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

// slipStore does not trim the first time it is asked.
type slipStore struct {
	luascripts.Store
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

// A trim that failed is made up for, though nothing more happens.
func TestTrimIsTriedAgain(t *testing.T) {
	t.Parallel()
	store := newShop()
	store.sale(t, "a", 10, time.Hour)
	store.buy(t, "a", 1)
	slip := &slipStore{Store: store}
	work(t, slip, newSQLite(t))
	eventually(t, "the stream is trimmed", slip.trimmed.Load)
}
