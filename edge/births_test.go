package edge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts"
)

// watched is a store that counts who asks, and fails on demand.
type watched struct {
	luascripts.Store
	looks, shows atomic.Int64 // for births, at sales
	glances      atomic.Int64
	hangs        atomic.Bool
	down         atomic.Bool
	refuses      atomic.Pointer[string] // a sale whose hash makes no sense
}

func (w *watched) fails(sale string) error {
	if odd := w.refuses.Load(); odd != nil && *odd == sale {
		return &luascripts.Refusal{Code: "BADSALE", Why: "its hash makes no sense"}
	}
	if w.down.Load() {
		return luascripts.ErrDown
	}
	return nil
}

func (w *watched) Born(ctx context.Context, birth uint64) (luascripts.Found, error) {
	w.looks.Add(1)
	time.Sleep(time.Millisecond) // virtual
	if err := w.fails(""); err != nil {
		return luascripts.Found{}, err
	}
	return w.Store.Born(ctx, birth)
}

func (w *watched) Show(ctx context.Context, sale string) (luascripts.ShowReply, error) {
	w.shows.Add(1)
	if err := w.fails(sale); err != nil {
		return luascripts.ShowReply{}, err
	}
	return w.Store.Show(ctx, sale)
}

func (w *watched) Glance(ctx context.Context, sale string) (string, error) {
	w.glances.Add(1)
	if w.hangs.Load() {
		time.Sleep(luascripts.Timeout)
		return "", luascripts.ErrDown
	}
	if err := w.fails(sale); err != nil {
		return "", err
	}
	return w.Store.Glance(ctx, sale)
}

// create makes a sale and says its birth.
func (w *watched) create(t *testing.T, sale string) uint64 {
	t.Helper()
	time.Sleep(time.Microsecond) // no two births are the same
	head, err := w.Create(t.Context(), sale, luascripts.CreateRequest{Total: 10, Hold: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return head.Birth
}

// withBirths runs a test in virtual time.
func withBirths(t *testing.T, f func(t *testing.T, w *watched, b *births)) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{Store: luascripts.NewEmbedded(luascripts.DefaultBounds(), time.Now)}
		b := newBirths(t.Context(), w, newSales(t.Context(), testConfig(), w, nil, zerolog.Nop()))
		f(t, w, b)
	})
}

func TestBirthsAreFoundByOneLookEach(t *testing.T) {
	withBirths(t, func(t *testing.T, w *watched, b *births) {
		born := map[uint64]string{w.create(t, "a"): "a", w.create(t, "b"): "b"}
		for range 3 {
			for birth, want := range born {
				if got, err := b.find(birth); err != nil || got != want {
					t.Errorf("%d: %q %v, want %q", birth, got, err, want)
				}
			}
		}
		if n := w.looks.Load(); n != 2 {
			t.Errorf("%d looks", n)
		}
	})
}

func TestSalesOpenHereNeedNoLook(t *testing.T) {
	w := &watched{Store: embedded(t, 10, time.Minute)}
	s := testServer(t, testConfig(), w)
	sale, err := s.sales.find(t.Context(), "ticket")
	if err != nil {
		t.Fatal(err)
	}
	if name, err := newBirths(s.life, w, s.sales).find(sale.birth); err != nil || name != "ticket" || w.looks.Load() != 0 {
		t.Errorf("%q %v after %d looks", name, err, w.looks.Load())
	}
}

func TestCrowdOfARemovedSaleIsOneLook(t *testing.T) {
	withBirths(t, func(t *testing.T, w *watched, b *births) {
		birth := w.create(t, "a")
		if err := w.Remove(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var crowd sync.WaitGroup
			for range 500 {
				crowd.Go(func() {
					if _, err := b.find(birth); !errors.Is(err, luascripts.ErrNoSale) {
						t.Errorf("%v", err)
					}
				})
			}
			crowd.Wait()
		}
		if n := w.looks.Load(); n != 1 {
			t.Errorf("%d looks", n)
		}
	})
}

func TestSaleYoungerThanTheLastLookIsFound(t *testing.T) {
	withBirths(t, func(t *testing.T, w *watched, b *births) {
		_, _ = b.find(1)
		birth := w.create(t, "young")
		if name, err := b.find(birth); err != nil || name != "young" {
			t.Errorf("%q %v", name, err)
		}
	})
}

func TestBirthsAreNotGoneWhileNobodyKnows(t *testing.T) {
	withBirths(t, func(t *testing.T, w *watched, b *births) {
		birth := w.create(t, "a")
		w.down.Store(true)
		if _, err := b.find(birth); !errors.Is(err, luascripts.ErrDown) {
			t.Errorf("store down: %v", err)
		}
		w.down.Store(false)
		if name, err := b.find(birth); err != nil || name != "a" {
			t.Errorf("it answers again: %q %v", name, err)
		}
	})
}

func TestWaitersForBirthsAreBounded(t *testing.T) {
	withBirths(t, func(t *testing.T, w *watched, b *births) {
		var crowd sync.WaitGroup
		var refused atomic.Int64
		for range maxLookingFor + 100 {
			crowd.Go(func() {
				if _, err := b.find(2); errors.Is(err, errBusy) {
					refused.Add(1)
				}
			})
		}
		crowd.Wait()
		if refused.Load() != 100 || b.waiting != 0 || w.looks.Load() != 1 {
			t.Errorf("%d refused, %d still wait, %d looks", refused.Load(), b.waiting, w.looks.Load())
		}
	})
}

// Whatever births are asked for, few look-ups are under way at once, and nobody waits long for a place.
func TestLooksForManyBirthsAreBounded(t *testing.T) {
	withBirths(t, func(t *testing.T, w *watched, b *births) {
		var crowd sync.WaitGroup
		for unknown := range uint64(3000) {
			crowd.Go(func() { _, _ = b.find(unknown + 1) })
		}
		start := time.Now()
		crowd.Wait()
		if w.looks.Load() != 3000 || time.Since(start) != 3000/maxLookups*time.Millisecond+time.Millisecond {
			t.Errorf("%d looks in %v", w.looks.Load(), time.Since(start))
		}
	})
}

// That a sale is gone is believed of the history it was seen in; of another one only after a while.
func TestAnotherHistoryIsDoubted(t *testing.T) {
	withBirths(t, func(t *testing.T, w *watched, b *births) {
		birth := w.create(t, "ticket")
		if _, err := b.find(birth); err != nil {
			t.Fatal(err)
		}
		gone := func(era uint64) error { return &luascripts.Refusal{Code: "NOSALE", Why: "it is not here", Era: era} }
		if b.doubtful(birth, gone(0)) || b.doubtful(birth+1, gone(7)) || b.doubtful(birth, luascripts.ErrDown) {
			t.Error("doubted where nothing is doubtful")
		}
		for range 3 { // each time anew, once it is long ago
			if !b.doubtful(birth, gone(7)) {
				t.Error("believed at once")
			}
			time.Sleep(doubtFor)
			if b.doubtful(birth, gone(7)) {
				t.Error("doubted for ever")
			}
			time.Sleep(2 * doubtFor)
		}
	})
}
