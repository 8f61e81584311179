package order

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"spike/luascripts/ledger"
)

func TestSQLiteRepository(t *testing.T) {
	t.Parallel()
	repositorySuite(t, func(t testing.TB) testRepository { t.Helper(); return newSQLite(t) })
}

// repositorySuite is what every database must do.
func repositorySuite(t *testing.T, open func(testing.TB) testRepository) {
	t.Helper()
	t.Run("rows are joined, whatever comes when", func(t *testing.T) { suiteJoins(t, open(t)) })
	t.Run("every state meets every state", func(t *testing.T) { suiteStates(t, open(t)) })
	t.Run("the largest numbers", func(t *testing.T) { suiteLargest(t, open(t)) })
	t.Run("all or nothing", func(t *testing.T) { suiteAtomic(t, open(t)) })
	t.Run("many writers", func(t *testing.T) { suiteWriters(t, open(t)) })
	t.Run("odd words of an endpoint", func(t *testing.T) { suiteOddWords(t, open(t)) })
	t.Run("deliveries", func(t *testing.T) { suiteDeliveries(t, open(t)) })
	t.Run("deliveries are shared", func(t *testing.T) { suiteShared(t, open(t)) })
	t.Run("parked events", func(t *testing.T) { suiteParked(t, open(t)) })
	t.Run("O4: rows it will not have", func(t *testing.T) { suiteRefusals(t, open(t)) })
	t.Run("O4: parked orders keep their order", func(t *testing.T) { suiteBehind(t, open(t)) })
	t.Run("what is parked can be tried again", func(t *testing.T) { suiteAgain(t, open(t)) })
	t.Run("ids of reservations", func(t *testing.T) { suiteIDs(t, open(t)) })
	t.Run("O1: what it knows of itself", func(t *testing.T) { suiteIdentity(t, open(t)) })
}

const at0 = 1_700_000_000_000_000 // µs

// story is the events of one reservation, in their order.
func story(serial, count uint32, fence uint64, end ledger.EventKind, parts bool) []ledger.Event {
	c := ledger.Claim{Serial: serial, Count: count, Fence: fence, Nonce: fence * 3, Expiry: 900_000_000 + at0,
		Buyer: ledger.Buyer{byte(serial), 1, 2, 3, 4, 5, 6, 7}}
	ev := func(kind ledger.EventKind, later int64, claims ...ledger.Claim) ledger.Event {
		return ledger.Event{ID: fmt.Sprintf("%d-%d", fence, later), Number: fence + uint64(later), Kind: kind, Birth: 77,
			At: at0 + later, Raw: at0 + 5 + later, Claims: claims}
	}
	events := []ledger.Event{ev(ledger.Reserved, int64(fence), c)}
	if end == ledger.Expired && parts && count > 1 {
		a, b := c, c
		a.Count, b.Count, b.Serial = 1, count-1, serial+1
		return append(events, ev(end, int64(fence)+10, a), ev(end, int64(fence)+20, b))
	}
	if end == ledger.Refunded || end == ledger.Prolonged {
		longer := c
		longer.Expiry += 5_000_000
		events = append(events, ev(ledger.Prolonged, int64(fence)+3, longer))
		longer.Expiry += 1_000_000
		events = append(events, ev(ledger.Prolonged, int64(fence)+4, longer))
	}
	if end == ledger.Refunded {
		events = append(events, ev(ledger.Confirmed, int64(fence)+5, c))
	}
	if end != ledger.Reserved && end != ledger.Prolonged {
		events = append(events, ev(end, int64(fence)+10, c))
	}
	return events
}

// entries cuts events into batches, as a consumer does.
func entries(t testing.TB, events []ledger.Event, size int) (list []Entry) {
	t.Helper()
	for chunk := range slices.Chunk(events, size) {
		list = append(list, entryOf(t, "joins", chunk))
	}
	return list
}

// history is what happened at a sale, and how it came to the consumers: cut anywhere, in any order, some of it again.
type history struct {
	events []ledger.Event
	cuts   [][]ledger.Event
}

var histories = rapid.Custom(func(t *rapid.T) (h history) {
	for i := range rapid.IntRange(1, 5).Draw(t, "reservations") {
		end := rapid.SampledFrom([]ledger.EventKind{ledger.Reserved, ledger.Confirmed, ledger.Cancelled,
			ledger.Expired, ledger.Prolonged, ledger.Refunded}).Draw(t, "end")
		serial := uint32(rapid.IntRange(1, 3).Draw(t, "serial"))
		h.events = append(h.events, story(serial, uint32(rapid.IntRange(1, 3).Draw(t, "units")), uint64(1000*(i+1)), end,
			rapid.Bool().Draw(t, "parts"))...)
	}
	again := h.events[:rapid.IntRange(0, len(h.events)).Draw(t, "again")]
	came := rapid.Permutation(slices.Concat(h.events, again)).Draw(t, "order")
	h.cuts = slices.Collect(slices.Chunk(came, rapid.IntRange(1, 4).Draw(t, "cut")))
	return h
})

// entryOf is what a consumer writes for events.
func entryOf(t rapid.TB, sale string, events []ledger.Event) (e Entry) {
	t.Helper()
	for _, ev := range events {
		if err := e.addEvent(sale, ev, true, true); err != nil {
			t.Fatal(err)
		}
	}
	e.Rows = mergeRows(e.Rows)
	return e
}

// joined is the result of Row.Merge over rows, in their order.
func joined(lists ...[]Row) map[Key]Row {
	all := map[Key]Row{}
	for _, r := range slices.Concat(lists...) {
		if old, known := all[r.Key]; known {
			r = old.Merge(r)
		}
		all[r.Key] = r
	}
	return all
}

// inOrder is the expected result.
func (h history) inOrder(t rapid.TB, sale string) map[Key]Row {
	t.Helper()
	var rows [][]Row
	for _, ev := range h.events {
		rows = append(rows, entryOf(t, sale, []ledger.Event{ev}).Rows)
	}
	return joined(rows...)
}

func TestRowsAreJoinedWhateverComesWhen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := histories.Draw(rt, "history")
		var rows [][]Row
		for _, events := range h.cuts {
			rows = append(rows, entryOf(rt, "joins", events).Rows)
		}
		if got, want := joined(rows...), h.inOrder(rt, "joins"); !maps.EqualFunc(got, want, same) {
			rt.Fatalf("got %v\nwant %v", got, want)
		}
	})
}

// suiteJoins: the database agrees with Row.Merge.
func suiteJoins(t *testing.T, s testRepository) {
	for run := range 20 {
		sale, h := fmt.Sprintf("joins%d", run), histories.Example(run)
		for _, events := range h.cuts {
			if err := s.Save(t.Context(), entryOf(t, sale, events)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.rows(sale)
		if err != nil {
			t.Fatal(err)
		}
		if want := h.inOrder(t, sale); !maps.EqualFunc(got, want, same) {
			t.Fatalf("%+v\ngot %v\nwant %v", h, got, want)
		}
	}
}

func suiteStates(t *testing.T, s testRepository) {
	serial := int64(0)
	for a := Pending; a <= Refunded; a++ {
		for b := Pending; b <= Refunded; b++ {
			serial++
			r := Row{Key: Key{Sale: "states", Birth: 1, Serial: serial, Fence: 1}, FirstSerial: serial, Units: 1}
			for _, r.State = range []State{a, b} {
				if err := s.Save(t.Context(), Entry{Rows: []Row{r}}); err != nil {
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

func suiteLargest(t *testing.T, s testRepository) {
	ev := ledger.Event{ID: "1-0", Number: 1<<53 - 1, Kind: ledger.Reserved, Birth: 1<<53 - 1, At: 5, Raw: at0,
		Claims: []ledger.Claim{{Serial: ledger.MaxSerial, Count: 1, Fence: 1<<53 - 1, Nonce: 1 << 53, Expiry: 0}}}
	var e Entry
	if err := e.addEvent("largest", ev, true, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	rows, err := s.rows("largest")
	r, ok := rows[Key{"largest", 1<<53 - 1, ledger.MaxSerial, 1<<53 - 1}]
	if err != nil || !ok || r.Nonce != 1<<53 || r.Buyer != nil || r.ExpiresAt != nil || r.ReservedAt.UnixMicro() != at0 {
		t.Errorf("%+v %v", rows, err)
	}
}

// suiteIDs: the database gives each row, parked or not, the very id that buyers have.
func suiteIDs(t *testing.T, s testRepository) {
	ev := ledger.Event{ID: "1-0", Number: 4, Kind: ledger.Reserved, Birth: 1 << 50, At: 5, Raw: at0, Claims: []ledger.Claim{
		{Serial: 1, Count: 2, Fence: 1<<53 - 1, Nonce: 1 << 53}, {Serial: 3, Count: 1, Fence: 10, Nonce: 0xabcdef}}}
	e := entryOf(t, "ids", []ledger.Event{ev})
	parked := e.Orders[1]
	parked.Event.Claims = []ledger.Claim{{Serial: 9, Count: 1, Fence: 11, Nonce: 1<<53 - 1}}
	e.Refused = []Refused{{Order: parked, Why: "a test"}}
	if err := s.Save(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"FROM orders WHERE reservation = '" + ev.Claims[0].Reservation(ev.Birth) + "'":                    2,
		"FROM orders WHERE reservation = '" + ev.Claims[1].Reservation(ev.Birth) + "'":                    1,
		"FROM order_reservations WHERE reservation = '" + ev.Claims[0].Reservation(ev.Birth) + "'":        1,
		"FROM parked_orders WHERE reservation = '" + parked.claim().Reservation(ev.Birth) + "'":           1,
		"FROM deliveries WHERE body LIKE '%\"" + ev.Claims[1].Reservation(ev.Birth) + "\",\"serial\":3%'": 1,
	} {
		if n, err := s.count("SELECT count(*) " + query); err != nil || n != want {
			t.Errorf("%s: %d, want %d (%v)", query, n, want, err)
		}
	}
}

// suiteAtomic has a batch fail at its last part. Nothing of the batch may stay.
func suiteAtomic(t *testing.T, s testRepository) {
	e := entries(t, story(1, 2, 1000, ledger.Reserved, false), 9)[0]
	e.Deliveries[0].State = "nonsense" // the table refuses it
	if err := s.Save(t.Context(), e); err == nil {
		t.Fatal("a delivery in no state was taken")
	}
	if rows, err := s.rows("joins"); err != nil || len(rows) > 0 {
		t.Errorf("%v %v", rows, err)
	}
	e.Deliveries[0].State = Due
	if err := s.Save(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if rows, err := s.rows("joins"); err != nil || len(rows) != 2 {
		t.Errorf("%v %v", rows, err)
	}
}

// suiteWriters has two workers write the same batches in opposite directions.
func suiteWriters(t *testing.T, s testRepository) {
	var events []ledger.Event
	for serial := uint32(1); serial <= 150; serial += 3 {
		events = append(events, story(serial, 3, 1000+uint64(serial), ledger.Cancelled, false)...)
	}
	there := entries(t, events, 20)
	back := entries(t, events, 30)
	slices.Reverse(back)
	var writing sync.WaitGroup
	for _, list := range [][]Entry{there, back, there} {
		writing.Go(func() {
			for _, e := range list {
				if err := s.Save(t.Context(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	rows, err := s.rows("joins")
	if err != nil || len(rows) != 150 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if r.State != Cancelled || r.ReservedAt == nil || r.ReleasedAt == nil {
			t.Fatalf("%+v", r)
		}
	}
	if n, err := s.count("SELECT count(*) FROM deliveries"); err != nil || n != 100 {
		t.Errorf("%d deliveries, %v", n, err)
	}
}

func suiteDeliveries(t *testing.T, s testRepository) {
	now := wall(at0)
	e := entries(t, append(story(1, 2, 1000, ledger.Confirmed, false),
		story(5, 1, 2000, ledger.Cancelled, false)...), 9)[0]
	for i := range e.Deliveries {
		e.Deliveries[i].NextAt = now
	}
	for range 2 { // the second time the rows exist
		if err := s.Save(t.Context(), e); err != nil {
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
	if lost := take(t, s, now.Add(2*time.Minute), 10); len(lost) != 2 { // deliveries of a dead sender come back after its lease
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

// suiteOddWords has an endpoint fail with words that a database may refuse.
func suiteOddWords(t *testing.T, s testRepository) {
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = c.Write([]byte("HTTP/1.1 " + strings.Repeat("€", 99) + "\x00\xff\r\n\r\n"))
		_ = c.Close()
	}))
	defer odd.Close()
	e, err := newEndpoint(odd.URL, testSecret, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	d := Delivery{ID: "odd", Sale: "x", Type: "reserved", Body: "{}", At: wall(at0), State: Due, NextAt: wall(at0)}
	if err := s.Save(t.Context(), Entry{Deliveries: []Delivery{d}}); err != nil {
		t.Fatal(err)
	}
	heard := e.post(t.Context(), d, time.Now())
	if heard.err == nil || !strings.Contains(heard.err.Error(), "€") {
		t.Fatalf("not odd enough: %v", heard.err)
	}
	for _, err := range []error{heard.err, errors.New("a\x00" + strings.Repeat("é", 99) + "b"), errors.New("\xff")} {
		d.heard(answer{err: err}, wall(at0), time.Nanosecond)
		if !utf8.ValidString(d.Error) || strings.Contains(d.Error, "\x00") || len(d.Error) > maxErrorText {
			t.Errorf("%q", d.Error)
		}
		if err := s.Mark(t.Context(), []Delivery{d}); err != nil {
			t.Error(err)
		}
		if ds := take(t, s, wall(at0).Add(time.Hour), 1); len(ds) != 1 || ds[0].Error != d.Error || ds[0].Attempts != d.Attempts {
			t.Errorf("%q is %+v", err, ds)
		}
	}
}

func take(t testing.TB, s testRepository, now time.Time, most int) []Delivery {
	t.Helper()
	ds, err := s.Take(t.Context(), now, time.Minute, most)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// suiteShared has several senders take deliveries. Each delivery goes to one sender.
func suiteShared(t *testing.T, s testRepository) {
	e := Entry{}
	for i := range 200 {
		e.Deliveries = append(e.Deliveries, Delivery{ID: fmt.Sprint(i), Sale: "x", Type: "reserved", Body: "{}", At: wall(at0),
			State: Due, NextAt: wall(at0)})
	}
	if err := s.Save(t.Context(), e); err != nil {
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
	if left := take(t, s, wall(at0), 200); len(had)+len(left) != 200 { // a sender that meets locks of others may stop early
		t.Errorf("%d given, %d left", len(had), len(left))
	}
}

func suiteParked(t *testing.T, s testRepository) {
	var e Entry
	if err := e.addEvent("odd", ledger.Event{ID: "5-1", Kind: "sung", Birth: 1, At: 1, Raw: 1}, true, true); err == nil {
		t.Fatal("it made sense")
	}
	for range 2 {
		if err := s.Save(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.count("SELECT count(*) FROM parked_events WHERE sale = 'odd' AND id = '5-1' AND why LIKE '%sung%'")
	if err != nil || n != 1 {
		t.Errorf("%d parked, %v", n, err)
	}
}

// One statement meets a row only once, and two workers meet rows in the same order.
func TestRowsOfABatchAreOneAKeyInOrder(t *testing.T) {
	events := append(story(5, 2, 2000, ledger.Confirmed, false), story(1, 3, 1000, ledger.Expired, true)...)
	slices.Reverse(events)
	rows := entries(t, events, 99)[0].Rows
	if len(rows) != 5 || !slices.IsSortedFunc(rows, func(a, b Row) int { return a.compare(b.Key) }) {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		if !r.State.Ended() || r.ReservedAt == nil {
			t.Errorf("%+v", r)
		}
	}
}

func TestBadDatabaseAddresses(t *testing.T) {
	for _, url := range []string{"", "orders.db", "mysql://x", "sqlite:", "postgres://u:hunter2@h:nan/db",
		"postgres://%zz:hunter2@/"} {
		repo, err := Open(url)
		if err == nil {
			repo.Close()
		}
		wantConfigError(t, url, err)
	}
}
