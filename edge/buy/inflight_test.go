package buy

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"spike/luascripts/ledger"
)

func TestInFlight(t *testing.T) {
	var f inFlight
	a, b := ledger.IdempotencyKey{1}, ledger.IdempotencyKey{2}
	if err := f.enter(a); err != nil {
		t.Fatal(err)
	}
	if err := f.enter(a); !errors.Is(err, errInFlight) {
		t.Errorf("the same again: %v", err)
	}
	if err := f.enter(b); err != nil {
		t.Errorf("another: %v", err)
	}
	f.leave(a)
	if err := f.enter(a); err != nil {
		t.Errorf("after it left: %v", err)
	}
}

func TestInFlightIsBounded(t *testing.T) {
	var f inFlight
	key := func(i int) ledger.IdempotencyKey {
		return ledger.IdempotencyKey{byte(i), byte(i >> 8), byte(i >> 16)}
	}
	for i := range maxInFlight {
		if err := f.enter(key(i)); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := f.enter(key(maxInFlight)); !errors.Is(err, errTooMany) {
		t.Error(err)
	}
	if err := f.enter(key(7)); !errors.Is(err, errInFlight) {
		t.Error(err)
	}
	f.leave(key(7))
	if err := f.enter(key(maxInFlight)); err != nil {
		t.Error(err)
	}
}

// Of many requests with one key, one is let in at a time.
func TestInFlightLetsOneIn(t *testing.T) {
	var f inFlight
	var inside, entered atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				if f.enter(ledger.IdempotencyKey{1}) != nil {
					continue
				}
				if entered.Add(1); inside.Add(1) != 1 {
					t.Error("two at once")
				}
				inside.Add(-1)
				f.leave(ledger.IdempotencyKey{1})
			}
		})
	}
	all.Wait()
	if entered.Load() == 0 || len(f.keys) != 0 {
		t.Errorf("%d entered, %d are left", entered.Load(), len(f.keys))
	}
}

func BenchmarkInFlight(b *testing.B) {
	var f inFlight
	key := ledger.IdempotencyKey{1}
	b.ReportAllocs()
	for b.Loop() {
		_ = f.enter(key)
		f.leave(key)
	}
}
