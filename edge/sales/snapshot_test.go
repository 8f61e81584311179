package sales

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"spike/edge/internal/storetest"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

func TestStockSaysWhatABuyWould(t *testing.T) {
	open := ledger.Head{Total: 10, Free: 4, Leased: 3, Pending: 2, Confirmed: 1, Hold: 300e6}
	with := func(change func(h *ledger.Head)) ledger.Head {
		h := open
		change(&h)
		return h
	}
	const at = 1795399305000000
	for _, c := range []struct {
		head ledger.Head
		want string
	}{
		{open, `{"sale":"x","state":"open","doors":"open","total":10,"remaining":7,"hold_seconds":300,"age_ms":`},
		{with(func(h *ledger.Head) { h.Hold, h.Limit = 0, 2 }),
			`{"sale":"x","state":"open","doors":"open","total":10,"remaining":7,"hold_seconds":0,"limit_per_buyer":2,"age_ms":`},
		{with(func(h *ledger.Head) { h.State = ledger.Paused }),
			`{"sale":"x","state":"paused","doors":"paused","total":10,"remaining":7,"hold_seconds":300,"age_ms":`},
		{with(func(h *ledger.Head) { h.State, h.Opens, h.Closes = ledger.Unopened, at, at+60e6 }),
			`{"sale":"x","state":"not_open","doors":"not_open","total":10,"remaining":7,"hold_seconds":300,` +
				`"opens":"2026-11-23T02:01:45Z","closes":"2026-11-23T02:02:45Z",` +
				`"opens_at":"2026-11-23T02:01:45Z","closes_at":"2026-11-23T02:02:45Z","age_ms":`},
		{ledger.Head{Total: 10, Pending: 4, Confirmed: 6, Hold: 1e6}, // four may come back
			`{"sale":"x","state":"open","doors":"open","total":10,"remaining":0,"hold_seconds":1,"age_ms":`},
		{ledger.Head{Total: 10, Confirmed: 10, Hold: 1e6},
			`{"sale":"x","state":"sold_out","doors":"open","total":10,"remaining":0,"hold_seconds":1,"age_ms":`},
		{ledger.Head{Total: 10, Confirmed: 10, State: ledger.Closed},
			`{"sale":"x","state":"closed","doors":"closed","total":10,"remaining":0,"hold_seconds":0,"age_ms":`},
		{ledger.Head{Total: 10, Free: 10, Opens: 1 << 62}, // no such year in JSON
			`{"sale":"x","state":"open","doors":"open","total":10,"remaining":10,"hold_seconds":0,"age_ms":`},
	} {
		if got := string(stockHead("x", ledger.ShowReply{Head: c.head})); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// withSnapshots runs a test in virtual time, over a sale of ten. Every refresher must have ended after it.
func withSnapshots(t *testing.T, f func(t *testing.T, w *storetest.Watched, s *Snapshots)) {
	synctest.Test(t, func(t *testing.T) {
		w := &storetest.Watched{Store: memory.New(ledger.DefaultBounds(), time.Now)}
		w.Make(t, "ticket")
		f(t, w, NewSnapshots(testRegistry(t, w)))
	})
}

// reads asks for a sale's stock, and returns the answer as HTTP would have it.
func (s *Snapshots) reads(name string) (status int, age, body string) {
	shown, err := s.Show([]byte(name))
	var refusal *ledger.Refusal
	switch {
	case err == nil:
		return 200, fmt.Sprint(int64(shown.Age / time.Second)), fmt.Sprintf("%s%d}", shown.Head, shown.Age.Milliseconds())
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, ledger.ErrName):
		return 404, "", "{}"
	case errors.As(err, &refusal):
		return 409, "", "{}"
	}
	return 503, "", "{}"
}

func TestFirstReadersShareOneLook(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		for _, name := range []string{"ticket", "nothing"} {
			before := w.Shows.Load()
			var crowd sync.WaitGroup
			for range 500 {
				crowd.Go(func() {
					status, _, body := s.reads(name)
					if status != 200 && name == "ticket" || status != 404 && name != "ticket" || !json.Valid([]byte(body)) {
						t.Errorf("%s: %d %s", name, status, body)
					}
				})
			}
			crowd.Wait()
			if n := w.Shows.Load() - before; n != 1 {
				t.Errorf("%s: %d looks", name, n)
			}
		}
	})
}

// A4: while there are readers, a sale is looked at once a second. If nothing was written, no script runs.
func TestA4SnapshotsAreTakenWhileSomebodyAsks(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		for range 1000 { // ten seconds of readers
			if status, age, body := s.reads("ticket"); status != 200 || age > "1" || !strings.Contains(body, `"remaining":10`) {
				t.Fatalf("%d %s %s", status, age, body)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if looks, shows := w.Glances.Load(), w.Shows.Load(); looks < 8 || looks > 10 || shows != 2 {
			t.Errorf("%d looks and %d scripts in ten seconds", looks, shows)
		}
		n := w.Glances.Load()
		time.Sleep(time.Hour)
		if w.Glances.Load() != n || w.Shows.Load() != 2 {
			t.Error("looks that nobody reads")
		}
		if status, age, _ := s.reads("ticket"); status != 200 || age != "0" {
			t.Errorf("begun again: %d %s", status, age)
		}
	})
}

// A4: readers of any number of sales cause a bounded number of looks. A known sale stays readable, and its answer says its age.
func TestA4LooksAtManySalesAreBounded(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		for i := range 2000 {
			w.Make(t, fmt.Sprint("s", i))
		}
		start, n := time.Now(), 0
		for ; time.Since(start) < 30*time.Second; n++ { // 300 a second
			s.reads(fmt.Sprint("s", n%2000))
			time.Sleep(time.Second / 300)
		}
		most := int64(30*2*snapMost + 2*snapBurst)
		if all := w.Shows.Load() + w.Glances.Load(); all > 2*most || w.Shows.Load() > most {
			t.Errorf("%d scripts, %d looks for %d reads", w.Shows.Load(), w.Glances.Load(), n)
		}
		if status, age, _ := s.reads("s0"); status != 200 || age == "" {
			t.Errorf("%d %s", status, age)
		}
		time.Sleep(2 * snapStale)
		for i := range snapBurst {
			s.reads(fmt.Sprint("s", i))
		}
		if n := len(s.shown); n > snapRoom {
			t.Errorf("%d are kept", n)
		}
	})
}

func TestSnapshotsShowChanges(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		s.reads("ticket")
		if _, err := w.Change(t.Context(), "ticket", ledger.ChangeRequest{Request: "1", Add: 5, To: "paused"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(snapEvery)
		s.reads("ticket") // the first reader gets the known snapshot, and starts the look
		time.Sleep(time.Millisecond)
		if _, _, body := s.reads("ticket"); !strings.Contains(body, `"state":"paused","doors":"paused","total":15,"remaining":15,`) {
			t.Error(body)
		}
	})
}

func TestSnapshotGrowsOldWhileTheStoreIsGone(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		s.reads("ticket")
		w.Down.Store(true)
		for sec := range 61 {
			want := fmt.Sprintf(`"age_ms":%d}`, sec*1000)
			status, age, body := s.reads("ticket")
			if status != 200 || age != fmt.Sprint(sec) || !strings.HasSuffix(body, want) || !json.Valid([]byte(body)) {
				t.Fatalf("after %d s: %d %s %s", sec, status, age, body)
			}
			time.Sleep(time.Second)
		}
		if status, _, _ := s.reads("ticket"); status != 503 {
			t.Errorf("after a minute: %d", status)
		}
		w.Down.Store(false)
		time.Sleep(snapEvery + time.Millisecond)
		if status, age, _ := s.reads("ticket"); status != 200 || age != "0" {
			t.Errorf("the store is back: %d %s", status, age)
		}
	})
}

// After a while without readers the store is gone: the last snapshot is shown again.
func TestLastSnapshotIsKeptForAMinute(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		s.reads("ticket")
		w.Down.Store(true)
		time.Sleep(30 * time.Second)
		if status, age, body := s.reads("ticket"); status != 200 || age != "30" || !strings.Contains(body, `"remaining":10`) {
			t.Errorf("after half a minute: %d %s %s", status, age, body)
		}
		w.Down.Store(false)
		time.Sleep(snapEvery)
		if status, age, _ := s.reads("ticket"); status != 200 || age != "0" {
			t.Errorf("the store is back: %d %s", status, age)
		}
		w.Down.Store(true)
		time.Sleep(snapStale + time.Second)
		if status, _, _ := s.reads("ticket"); status != 503 {
			t.Errorf("after a minute: %d", status)
		}
	})
}

// A reader who finds an old snapshot waits for the new one, but not for a store that hangs.
func TestReadersDoNotWaitForAStoreThatHangs(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		s.reads("ticket")
		w.Hangs.Store(true)
		time.Sleep(10 * time.Second)
		start := time.Now()
		if status, age, _ := s.reads("ticket"); status != 200 || age != "10" || time.Since(start) != snapWait {
			t.Errorf("%d %s after %v", status, age, time.Since(start))
		}
		if status, _, _ := s.reads("ticket"); status != 200 || time.Since(start) != snapWait {
			t.Errorf("the second: %d after %v", status, time.Since(start))
		}
		time.Sleep(time.Minute)
		s.sales.Running.all.Wait()
	})
}

func TestNoSnapshot(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		odd := "odd"
		w.Refuses.Store(&odd)
		for name, want := range map[string]int{"odd": 409, "nothing": 404, ".x": 404, "": 404, "a/b": 404} {
			if status, _, body := s.reads(name); status != want {
				t.Errorf("%q: %d %s", name, status, body)
			}
		}
		w.Down.Store(true)
		if status, _, _ := s.reads("ticket"); status != 503 {
			t.Errorf("store down: %d", status)
		}
		w.Down.Store(false)
		if status, _, _ := s.reads("ticket"); status != 200 {
			t.Error("a store that was down is asked again at once")
		}
	})
}

func TestMissingSalesAreRememberedForAMomentAndBounded(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		s.reads("late")
		w.Make(t, "late")
		if status, _, _ := s.reads("late"); status != 404 || w.Shows.Load() != 1 {
			t.Errorf("%d after %d looks", status, w.Shows.Load())
		}
		time.Sleep(missFor + time.Millisecond)
		if status, _, _ := s.reads("late"); status != 200 {
			t.Errorf("still %d", status)
		}
		for i := range 2*maxMissing + 1 {
			s.reads(fmt.Sprint("none-", i))
		}
		if n := len(s.looks.missing); n > maxMissing {
			t.Errorf("%d names remembered", n)
		}
	})
}

func TestRemovedSaleIsNotShown(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		s.reads("ticket")
		if err := w.Remove(t.Context(), "ticket"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(snapOld)
		s.reads("ticket")
		if status, _, _ := s.reads("ticket"); status != 404 {
			t.Errorf("%d", status)
		}
	})
}

func TestOtherEdgesSalesAreNotShown(t *testing.T) {
	withSnapshots(t, func(t *testing.T, w *storetest.Watched, s *Snapshots) {
		s.sales.cfg.Sells = func(sale string) bool { return sale == "mine" }
		if status, _, _ := s.reads("ticket"); status != 404 || w.Shows.Load() != 0 {
			t.Errorf("%d after %d looks", status, w.Shows.Load())
		}
	})
}
