package dashboard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
)

// bubble runs a test in virtual time, with a Looker that ends in it.
func bubble(t *testing.T, f func(t *testing.T, w *watched, l *Looker)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched()
		w.make(t, "ticket", 10)
		f(t, w, runLooker(t, w))
	})
}

// Without readers nothing is asked. After the last reader it goes on for ten minutes, about once a second, and then ends.
func TestLookingCostsNothingWithoutReaders(t *testing.T) {
	bubble(t, func(t *testing.T, w *watched, l *Looker) {
		time.Sleep(time.Hour)
		if n := w.calls.Load(); n != 0 {
			t.Fatalf("%d calls for nobody", n)
		}
		if seen := see(t, l); !seen.Store.OK || len(seen.Sales) != 1 || *seen.Sales[0].Free != 10 || !adds(seen) {
			t.Errorf("%+v", seen)
		}
		time.Sleep(looksAfter / 2)
		before := w.calls.Load()
		time.Sleep(time.Minute)
		if n := w.calls.Load() - before; n < 60 || n > 60*8 {
			t.Errorf("%d calls in a minute without readers", n)
		}
		time.Sleep(looksAfter)
		before = w.calls.Load()
		time.Sleep(time.Hour)
		if n := w.calls.Load() - before; n != 0 {
			t.Errorf("%d calls long after the last reader", n)
		}
		if seen := see(t, l); !seen.Store.OK || seen.Store.Silent > 1000 || *seen.Sales[0].Age > 1000 {
			t.Errorf("after a pause: %+v", seen)
		}
	})
}

// All readers share the rounds: many cost the store what one costs.
func TestReadersShareLooks(t *testing.T) {
	bubble(t, func(t *testing.T, w *watched, l *Looker) {
		cost := func() int64 {
			before := w.calls.Load()
			time.Sleep(30 * time.Second)
			return w.calls.Load() - before
		}
		l.join("")
		one := cost()
		for range ReadersMost - 1 {
			l.join("")
		}
		if many := cost(); many > one+one/10 {
			t.Errorf("one reader costs %d calls, %d readers %d", one, ReadersMost, many)
		}
		if _, ok := l.join(""); ok {
			t.Error("there are too many readers")
		}
		if _, err := l.Look(t.Context(), ""); !errors.Is(err, ErrReaders) {
			t.Error(err)
		}
		l.leave("")
		if _, ok := l.join(""); !ok {
			t.Error("a place is free, and nobody gets it")
		}
	})
}

// A reader that is slow gets the newest look, and never one that was published before it.
func TestSlowReadersGetTheNewest(t *testing.T) {
	bubble(t, func(t *testing.T, w *watched, l *Looker) {
		after, _ := l.join("ticket")
		is := l.first(t.Context(), after)
		for range 5 {
			time.Sleep(time.Minute) // hundreds of looks
			w.make(t, time.Now().Format("sale-150405"), 5)
			time.Sleep(lookEvery * 2)
			if is = l.after(t.Context(), is); time.Since(is.at) > lookEvery*2 {
				t.Errorf("the look is %v old", time.Since(is.at))
			}
		}
		count := 0
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); count++ {
			_, _ = w.Change(t.Context(), "ticket", ledger.ChangeRequest{Request: time.Now().String(), Add: 1})
			is = l.after(t.Context(), is)
		}
		if count < 30 || count > 41 {
			t.Errorf("%d looks in ten seconds of changes", count)
		}
		count = 0
		for end := time.Now().Add(time.Minute); time.Now().Before(end); count++ {
			is = l.after(t.Context(), is)
		}
		if count < 55 || count > 65 {
			t.Errorf("%d looks in a minute without changes", count)
		}
	})
}

// A silent store is named within two seconds. Looks go on: old figures stay, and their ages grow.
func TestSilentStoreIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T, w *watched, l *Looker) {
		l.join("")
		time.Sleep(5 * time.Second)
		w.hangs.Store(true)
		began := time.Now()
		seen := see(t, l)
		for ; seen.Store.OK; seen = see(t, l) {
			const step = 50 * time.Millisecond
			time.Sleep(step)
			if time.Since(began) > 2*time.Second+step { // what is published in the very moment of a look is in the next one
				t.Fatal("the store is silent, and nobody says so")
			}
		}
		time.Sleep(10 * time.Second)
		since := time.Since(l.newest.Load().at)
		seen = see(t, l)
		if s := seen.Sales[0]; seen.Store.OK || seen.Store.Why == "" || seen.Store.Silent < 9000 || *s.Age < 9000 || *s.Free != 10 {
			t.Errorf("%+v", seen)
		}
		if since > publishMost+2*lookEvery {
			t.Errorf("the newest look is %v old", since)
		}
		w.hangs.Store(false)
		time.Sleep(3 * time.Second)
		if seen = see(t, l); !seen.Store.OK || seen.Store.Silent > 1000 || *seen.Sales[0].Age > 1500 {
			t.Errorf("it answers again: %+v", seen)
		}
	})
}

// A sale that is made, changed or removed shows within two rounds.
func TestSalesComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T, w *watched, l *Looker) {
		l.join("")
		time.Sleep(time.Minute / 2)
		w.make(t, "another", 7)
		time.Sleep(2 * lookEvery)
		if seen := see(t, l); len(seen.Sales) != 2 || *seen.Sales[0].Total != 7 {
			t.Errorf("%+v", seen.Sales)
		}
		if _, err := w.Change(t.Context(), "another", ledger.ChangeRequest{To: "paused"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lookEvery)
		if seen := see(t, l); seen.Sales[0].State != "paused" {
			t.Errorf("%+v", seen.Sales)
		}
		if err := w.Remove(t.Context(), "another"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lookEvery)
		if seen := see(t, l); len(seen.Sales) != 1 || seen.SalesTotal != 1 {
			t.Errorf("%+v", seen.Sales)
		}
	})
}

// No figure becomes 2 s old, whether its sale is busy or not.
func TestAges(t *testing.T) {
	bubble(t, func(t *testing.T, w *watched, l *Looker) {
		for _, name := range []string{"a", "b", "c"} {
			w.make(t, name, 5)
		}
		after, _ := l.join("a")
		is := l.first(t.Context(), after)
		for range 200 {
			l.mu.Lock()
			seen := l.board.look(&l.cfg, time.Now())
			l.mu.Unlock()
			for _, s := range seen.Sales {
				if *s.Age > 1600 {
					t.Fatalf("%s is %d ms old", s.Sale, *s.Age)
				}
			}
			is = l.after(t.Context(), is)
		}
	})
}

// Readers end with the Looker.
func TestLookerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched()
		l := NewLooker(Config{Store: w})
		ctx, stop := context.WithCancel(t.Context())
		go l.Run(ctx)
		after, _ := l.join("")
		is := l.first(t.Context(), after)
		time.AfterFunc(time.Second, stop)
		for is != nil {
			is = l.after(t.Context(), is)
		}
		if _, err := l.Look(t.Context(), ""); !errors.Is(err, ledger.ErrDown) && err != nil {
			t.Error(err)
		}
	})
}
