package order

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spike/luascripts"
)

func TestSQLiteBook(t *testing.T) {
	bookSuite(t, func(t testing.TB) shelf { t.Helper(); return newSQLite(t) })
}

// bookSuite is what every book must do.
func bookSuite(t *testing.T, open func(testing.TB) shelf) {
	t.Helper()
	t.Run("rows are joined, whatever comes when", func(t *testing.T) { suiteJoins(t, open(t)) })
	t.Run("every state meets every state", func(t *testing.T) { suiteStates(t, open(t)) })
	t.Run("the largest numbers", func(t *testing.T) { suiteLargest(t, open(t)) })
	t.Run("all or nothing", func(t *testing.T) { suiteAtomic(t, open(t)) })
	t.Run("many writers", func(t *testing.T) { suiteWriters(t, open(t)) })
	t.Run("deliveries", func(t *testing.T) { suiteDeliveries(t, open(t)) })
	t.Run("deliveries are shared", func(t *testing.T) { suiteShared(t, open(t)) })
	t.Run("parked events", func(t *testing.T) { suiteParked(t, open(t)) })
}

const at0 = 1_700_000_000_000_000 // µs

// story is the events of one reservation, in their order.
func story(serial, count uint32, fence uint64, end luascripts.EventKind, parts bool) []luascripts.Event {
	c := luascripts.Claim{Serial: serial, Count: count, Fence: fence, Nonce: fence * 3, Expiry: 900_000_000 + at0,
		Buyer: luascripts.Buyer{byte(serial), 1, 2, 3, 4, 5, 6, 7}}
	ev := func(kind luascripts.EventKind, later int64, claims ...luascripts.Claim) luascripts.Event {
		return luascripts.Event{ID: fmt.Sprintf("%d-%d", fence, later), Number: fence + uint64(later), Kind: kind, Birth: 77,
			At: at0 + later, Raw: at0 + 5 + later, Claims: claims}
	}
	events := []luascripts.Event{ev(luascripts.Reserved, int64(fence), c)}
	if end == luascripts.Expired && parts && count > 1 {
		a, b := c, c
		a.Count, b.Count, b.Serial = 1, count-1, serial+1
		return append(events, ev(end, int64(fence)+10, a), ev(end, int64(fence)+20, b))
	}
	if end != luascripts.Reserved {
		events = append(events, ev(end, int64(fence)+10, c))
	}
	return events
}

// entries cuts events into batches, as they are written.
func entries(t testing.TB, events []luascripts.Event, size int) (list []Entry) {
	t.Helper()
	for chunk := range slices.Chunk(events, size) {
		var e Entry
		for _, ev := range chunk {
			if err := e.enter("joins", ev, true, true); err != nil {
				t.Fatal(err)
			}
		}
		e.Rows = mergeRows(e.Rows)
		list = append(list, e)
	}
	return list
}

// suiteJoins writes events shuffled, cut anyhow and some of them again, and wants what Row.Merge makes of them in order.
func suiteJoins(t *testing.T, s shelf) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		sale := fmt.Sprintf("joins%d", run)
		var events []luascripts.Event
		for i := range rapid.IntRange(1, 5).Draw(rt, "reservations") {
			end := rapid.SampledFrom([]luascripts.EventKind{luascripts.Reserved, luascripts.Confirmed, luascripts.Cancelled,
				luascripts.Expired}).Draw(rt, "end")
			serial := uint32(rapid.IntRange(1, 3).Draw(rt, "serial"))
			events = append(events, story(serial, uint32(rapid.IntRange(1, 3).Draw(rt, "units")), uint64(1000*(i+1)), end,
				rapid.Bool().Draw(rt, "parts"))...)
		}
		want := map[Key]Row{}
		for _, ev := range events {
			var e Entry
			if err := e.enter(sale, ev, true, false); err != nil {
				rt.Fatal(err)
			}
			for _, r := range e.Rows {
				if old, known := want[r.Key]; known {
					r = old.Merge(r)
				}
				want[r.Key] = r
			}
		}
		shuffled := rapid.Permutation(append(slices.Clone(events), events[:rapid.IntRange(0, len(events)).Draw(rt, "again")]...)).
			Draw(rt, "order")
		for chunk := range slices.Chunk(shuffled, rapid.IntRange(1, 4).Draw(rt, "cut")) {
			var e Entry
			for _, ev := range chunk {
				_ = e.enter(sale, ev, true, true)
			}
			e.Rows = mergeRows(e.Rows)
			if err := s.Enter(t.Context(), e); err != nil {
				rt.Fatal(err)
			}
		}
		got, err := s.rows(sale)
		if err != nil {
			rt.Fatal(err)
		}
		if !maps.EqualFunc(got, want, same) {
			rt.Fatalf("got %v\nwant %v", got, want)
		}
	})
}

func suiteStates(t *testing.T, s shelf) {
	serial := int64(0)
	for a := Pending; a <= Confirmed; a++ {
		for b := Pending; b <= Confirmed; b++ {
			serial++
			r := Row{Key: Key{Sale: "states", Birth: 1, Serial: serial, Fence: 1}, FirstSerial: serial, Units: 1}
			for _, r.State = range []State{a, b} {
				if err := s.Enter(t.Context(), Entry{Rows: []Row{r}}); err != nil {
					t.Fatal(err)
				}
			}
			rows, err := s.rows("states")
			if got := rows[r.Key].State; err != nil || got != Merge(a, b) {
				t.Errorf("%v then %v is %v, not %v (%v)", a, b, got, Merge(a, b), err)
			}
		}
	}
}

func suiteLargest(t *testing.T, s shelf) {
	ev := luascripts.Event{ID: "1-0", Number: 1<<53 - 1, Kind: luascripts.Reserved, Birth: 1<<53 - 1, At: 5, Raw: at0,
		Claims: []luascripts.Claim{{Serial: luascripts.MaxSerial, Count: 1, Fence: 1<<53 - 1, Nonce: 1 << 53, Expiry: 0}}}
	var e Entry
	if err := e.enter("largest", ev, true, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Enter(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	rows, err := s.rows("largest")
	r, ok := rows[Key{"largest", 1<<53 - 1, luascripts.MaxSerial, 1<<53 - 1}]
	if err != nil || !ok || r.Nonce != 1<<53 || r.Buyer != nil || r.ExpiresAt != nil || r.ReservedAt.UnixMicro() != at0 {
		t.Errorf("%+v %v", rows, err)
	}
}

// suiteAtomic has a batch fail at its last part: nothing of it may stay.
func suiteAtomic(t *testing.T, s shelf) {
	e := entries(t, story(1, 2, 1000, luascripts.Reserved, false), 9)[0]
	e.Deliveries[0].State = "nonsense" // the table refuses it
	if err := s.Enter(t.Context(), e); err == nil {
		t.Fatal("a delivery in no state was taken")
	}
	if rows, err := s.rows("joins"); err != nil || len(rows) > 0 {
		t.Errorf("%v %v", rows, err)
	}
	e.Deliveries[0].State = Due
	if err := s.Enter(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if rows, err := s.rows("joins"); err != nil || len(rows) != 2 {
		t.Errorf("%v %v", rows, err)
	}
}

// suiteWriters has two workers write the same batches, in opposite directions.
func suiteWriters(t *testing.T, s shelf) {
	var events []luascripts.Event
	for serial := uint32(1); serial <= 300; serial += 3 {
		events = append(events, story(serial, 3, 1000+uint64(serial), luascripts.Cancelled, false)...)
	}
	there := entries(t, events, 20)
	back := entries(t, events, 30)
	slices.Reverse(back)
	var writing sync.WaitGroup
	for _, list := range [][]Entry{there, back, there} {
		writing.Go(func() {
			for _, e := range list {
				if err := s.Enter(t.Context(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	rows, err := s.rows("joins")
	if err != nil || len(rows) != 300 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if r.State != Cancelled || r.ReservedAt == nil || r.ReleasedAt == nil {
			t.Fatalf("%+v", r)
		}
	}
	if n, err := s.count("SELECT count(*) FROM deliveries"); err != nil || n != 200 {
		t.Errorf("%d deliveries, %v", n, err)
	}
}

func suiteDeliveries(t *testing.T, s shelf) {
	now := wall(at0)
	e := entries(t, append(story(1, 2, 1000, luascripts.Confirmed, false), story(5, 1, 2000, luascripts.Cancelled, false)...), 9)[0]
	for i := range e.Deliveries {
		e.Deliveries[i].NextAt = now
	}
	for range 2 { // the second time they are there
		if err := s.Enter(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	ds := take(t, s, now, 10)
	if len(ds) != 4 || len(take(t, s, now, 10)) != 0 {
		t.Fatalf("%d taken, then more", len(ds))
	}
	for i, want := range e.Deliveries {
		k := slices.IndexFunc(ds, func(d Delivery) bool { return d.ID == want.ID })
		if k < 0 || ds[k].Body != want.Body || ds[k].Type != want.Type || !ds[k].At.Equal(want.At) {
			t.Errorf("%d: %+v", i, want)
		}
	}
	ds[0].State, ds[0].NextAt = Delivered, now
	ds[1].State, ds[1].Attempts, ds[1].Error = Parked, 20, "answered 500"
	ds[2].Attempts, ds[2].NextAt = 3, now.Add(time.Second)
	if err := s.Mark(t.Context(), ds[:3]); err != nil {
		t.Fatal(err)
	}
	if due, parked, err := s.Backlog(t.Context()); err != nil || due != 2 || parked != 1 {
		t.Errorf("%d due, %d parked, %v", due, parked, err)
	}
	again := take(t, s, now.Add(2*time.Second), 10)
	if len(again) != 1 || again[0].ID != ds[2].ID || again[0].Attempts != 3 {
		t.Errorf("again: %+v", again)
	}
	if lost := take(t, s, now.Add(2*time.Minute), 10); len(lost) != 2 { // whose sender died come back after its lease
		t.Errorf("lost: %+v", lost)
	}
	if n, err := s.Prune(t.Context(), now, 10); err != nil || n != 0 {
		t.Errorf("%d pruned too early, %v", n, err)
	}
	if n, err := s.Prune(t.Context(), now.Add(time.Second), 10); err != nil || n != 1 {
		t.Errorf("%d pruned, %v", n, err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func take(t testing.TB, s shelf, now time.Time, most int) []Delivery {
	t.Helper()
	ds, err := s.Take(t.Context(), now, time.Minute, most)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// suiteShared has several senders take: each delivery comes to one.
func suiteShared(t *testing.T, s shelf) {
	e := Entry{}
	for i := range 200 {
		e.Deliveries = append(e.Deliveries, Delivery{ID: fmt.Sprint(i), Sale: "x", Type: "reserved", Body: "{}", At: wall(at0),
			State: Due, NextAt: wall(at0)})
	}
	if err := s.Enter(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var taking sync.WaitGroup
	var mu sync.Mutex
	had := map[string]int{}
	for range 4 {
		taking.Go(func() {
			for {
				ds, err := s.Take(t.Context(), wall(at0), time.Minute, 7)
				if err != nil {
					t.Error(err)
				}
				if len(ds) == 0 {
					return
				}
				mu.Lock()
				for _, d := range ds {
					had[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	taking.Wait()
	for id, n := range had {
		if n != 1 {
			t.Errorf("%s was given %d times", id, n)
		}
	}
	if left := take(t, s, wall(at0), 200); len(had)+len(left) != 200 { // who meets others' locks may leave early
		t.Errorf("%d given, %d left", len(had), len(left))
	}
}

func suiteParked(t *testing.T, s shelf) {
	var e Entry
	if err := e.enter("odd", luascripts.Event{ID: "5-1", Kind: "sung", Birth: 1, At: 1, Raw: 1}, true, true); err == nil {
		t.Fatal("it made sense")
	}
	for range 2 {
		if err := s.Enter(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.count("SELECT count(*) FROM parked_events WHERE sale = 'odd' AND id = '5-1' AND why LIKE '%sung%'"); err != nil || n != 1 {
		t.Errorf("%d parked, %v", n, err)
	}
}

// One statement meets a row once only, and two workers meet rows in the same order.
func TestRowsOfABatchAreOneAKeyInOrder(t *testing.T) {
	events := append(story(5, 2, 2000, luascripts.Confirmed, false), story(1, 3, 1000, luascripts.Expired, true)...)
	slices.Reverse(events)
	rows := entries(t, events, 99)[0].Rows
	if len(rows) != 5 || !slices.IsSortedFunc(rows, func(a, b Row) int { return a.compare(b.Key) }) {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		if !r.State.Final() || r.ReservedAt == nil {
			t.Errorf("%+v", r)
		}
	}
}

func TestBadDatabaseAddresses(t *testing.T) {
	for _, url := range []string{"", "orders.db", "mysql://x", "sqlite:", "postgres://u:hunter2@h:nan/db", "postgres://%zz:hunter2@/"} {
		book, err := Open(url)
		if err == nil {
			book.Close()
		}
		wantConfigError(t, url, err)
	}
}
