package sales

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"spike/edge/internal/storetest"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// withBirths runs a test in virtual time.
func withBirths(t *testing.T, f func(t *testing.T, w *storetest.Watched, b *Generations)) {
	synctest.Test(t, func(t *testing.T) {
		w := &storetest.Watched{Store: memory.New(ledger.DefaultBounds(), time.Now)}
		b := NewGenerations(testRegistry(t, w))
		f(t, w, b)
	})
}

func TestBirthsAreFoundByOneLookEach(t *testing.T) {
	withBirths(t, func(t *testing.T, w *storetest.Watched, b *Generations) {
		born := map[uint64]string{w.Make(t, "a"): "a", w.Make(t, "b"): "b"}
		for range 3 {
			for birth, want := range born {
				if got, err := b.Name(birth); err != nil || got != want {
					t.Errorf("%d: %q %v, want %q", birth, got, err, want)
				}
			}
		}
		if n := w.Looks.Load(); n != 2 {
			t.Errorf("%d looks", n)
		}
	})
}

func TestSalesOpenHereNeedNoLook(t *testing.T) {
	w := &storetest.Watched{Store: memory.New(ledger.DefaultBounds(), time.Now)}
	w.Make(t, "ticket")
	s := testRegistry(t, w)
	sale, err := s.Find("ticket")
	if err != nil {
		t.Fatal(err)
	}
	if name, err := NewGenerations(s).Name(sale.Birth); err != nil || name != "ticket" || w.Looks.Load() != 0 {
		t.Errorf("%q %v after %d looks", name, err, w.Looks.Load())
	}
}

func TestCrowdOfARemovedSaleIsOneLook(t *testing.T) {
	withBirths(t, func(t *testing.T, w *storetest.Watched, b *Generations) {
		birth := w.Make(t, "a")
		if err := w.Remove(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var crowd sync.WaitGroup
			for range 500 {
				crowd.Go(func() {
					if _, err := b.Name(birth); !errors.Is(err, ledger.ErrNoSale) {
						t.Errorf("%v", err)
					}
				})
			}
			crowd.Wait()
		}
		if n := w.Looks.Load(); n != 1 {
			t.Errorf("%d looks", n)
		}
	})
}

func TestSaleYoungerThanTheLastLookIsFound(t *testing.T) {
	withBirths(t, func(t *testing.T, w *storetest.Watched, b *Generations) {
		_, _ = b.Name(1)
		birth := w.Make(t, "young")
		if name, err := b.Name(birth); err != nil || name != "young" {
			t.Errorf("%q %v", name, err)
		}
	})
}

func TestBirthsAreNotGoneWhileNobodyKnows(t *testing.T) {
	withBirths(t, func(t *testing.T, w *storetest.Watched, b *Generations) {
		birth := w.Make(t, "a")
		w.Down.Store(true)
		if _, err := b.Name(birth); !errors.Is(err, ledger.ErrDown) {
			t.Errorf("store down: %v", err)
		}
		w.Down.Store(false)
		if name, err := b.Name(birth); err != nil || name != "a" {
			t.Errorf("it answers again: %q %v", name, err)
		}
	})
}

func TestWaitersForBirthsAreBounded(t *testing.T) {
	withBirths(t, func(t *testing.T, w *storetest.Watched, b *Generations) {
		var crowd sync.WaitGroup
		var refused atomic.Int64
		for range maxLookingFor + 100 {
			crowd.Go(func() {
				if _, err := b.Name(2); errors.Is(err, ErrBusy) {
					refused.Add(1)
				}
			})
		}
		crowd.Wait()
		if refused.Load() != 100 || b.looks.waiting.Load() != 0 || w.Looks.Load() != 1 {
			t.Errorf("%d refused, %d still wait, %d looks", refused.Load(), b.looks.waiting.Load(), w.Looks.Load())
		}
	})
}

// Of look-ups for many births, few are under way at a time, and no caller waits long.
func TestLooksForManyBirthsAreBounded(t *testing.T) {
	withBirths(t, func(t *testing.T, w *storetest.Watched, b *Generations) {
		var crowd sync.WaitGroup
		for unknown := range uint64(3000) {
			crowd.Go(func() { _, _ = b.Name(unknown + 1) })
		}
		start := time.Now()
		crowd.Wait()
		if w.Looks.Load() != 3000 || time.Since(start) != 3000/maxLookups*time.Millisecond+time.Millisecond {
			t.Errorf("%d looks in %v", w.Looks.Load(), time.Since(start))
		}
	})
}

// A server of the history in which a sale was seen is believed when it says that the sale is gone. A server of another history is
// believed only after a while.
func TestAnotherHistoryIsDoubted(t *testing.T) {
	withBirths(t, func(t *testing.T, w *storetest.Watched, b *Generations) {
		birth := w.Make(t, "ticket")
		if _, err := b.Name(birth); err != nil {
			t.Fatal(err)
		}
		gone := func(era uint64) error { return &ledger.Refusal{Code: "NOSALE", Why: "it is not here", Era: era} }
		if b.Doubtful(birth, gone(0)) || b.Doubtful(birth+1, gone(7)) || b.Doubtful(birth, ledger.ErrDown) {
			t.Error("doubted where nothing is doubtful")
		}
		for range 3 { // the doubt begins anew when the last one is long ago
			if !b.Doubtful(birth, gone(7)) {
				t.Error("believed at once")
			}
			time.Sleep(doubtFor)
			if b.Doubtful(birth, gone(7)) {
				t.Error("doubted for ever")
			}
			time.Sleep(2 * doubtFor)
		}
	})
}
