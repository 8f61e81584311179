package order

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

// work runs a worker until the test ends or stop is called; stop waits for it.
func work(t testing.TB, store ledger.Store, repo Repository, change ...func(*Config)) (stop func()) {
	t.Helper()
	cfg := Config{Batch: 20, pace: &brisk}
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, store, repo, zerolog.Nop()) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// states counts a sale's rows.
func (s testRepository) states(t testing.TB, sale string) map[State]int {
	t.Helper()
	rows, err := s.rows(sale)
	if err != nil {
		t.Fatal(err)
	}
	n := map[State]int{}
	for _, r := range rows {
		n[r.State]++
	}
	return n
}

func (s testRepository) comesTo(t testing.TB, sale string, want map[State]int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has %v", sale, want), func() bool { return maps.Equal(s.states(t, sale), want) })
}

// allDone waits until the sale's stream has nothing left to store.
func allDone(t testing.TB, store ledger.Store, sale string) {
	t.Helper()
	eventually(t, "all is acknowledged", func() bool {
		lag, err := store.EventLag(t.Context(), sale, ledger.Group{Name: ledger.OrdersGroup})
		return err == nil && lag == ledger.Lag{}
	})
}

func TestWorkerStoresWhatHappens(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 100, time.Minute)
	work(t, store, repo)
	for i := range 10 {
		c, birth := store.buy(t, "a", 2)
		switch {
		case i < 4:
			store.confirm(t, "a", birth, c)
		case i < 7:
			store.cancel(t, "a", birth, c)
		}
	}
	repo.comesTo(t, "a", map[State]int{Confirmed: 8, Cancelled: 6, Pending: 6})
	store.expire(t, "a", 61*time.Second)
	repo.comesTo(t, "a", map[State]int{Confirmed: 8, Cancelled: 6, Expired: 6})
	allDone(t, store, "a")
	rows, _ := repo.rows("a")
	for _, r := range rows {
		if r.Buyer == nil || r.ExpiresAt == nil || r.ReservedAt == nil || r.Units != 2 || r.Serial-r.FirstSerial > 1 ||
			r.ExpiresAt.Sub(*r.ReservedAt) != time.Minute || (r.ConfirmedAt != nil) != (r.State == Confirmed) ||
			(r.ReleasedAt != nil) != (r.State == Cancelled || r.State == Expired) {
			t.Errorf("%+v", r)
		}
	}
}

// In a sale without a hold a claim's expiry only limits its settling, and no row has it.
func TestSaleWithoutHold(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 10, 0)
	lease, err := store.Lease(t.Context(), "a", ledger.LeaseRequest{Party: ledger.Party{Instance: "i",
		Node: "n"}, Request: 1,
		Want: 1, Term: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c := ledger.Claim{Serial: lease.Grant.Ranges[0].Start, Count: 1, Fence: lease.Grant.Fence, Nonce: 5,
		Expiry: lease.Now + 60e6}
	if _, err := store.Settle(t.Context(), "a", ledger.SettleRequest{Party: ledger.Party{Instance: "i",
		Node: "n"}, Batch: 1,
		Claims: []ledger.Claim{c}}); err != nil {
		t.Fatal(err)
	}
	work(t, store, repo)
	repo.comesTo(t, "a", map[State]int{Pending: 1})
	rows, _ := repo.rows("a")
	for _, r := range rows {
		if r.ExpiresAt != nil || r.Buyer != nil {
			t.Errorf("%+v", r)
		}
	}
}

func TestSalesComeAndGo(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	stop := work(t, store, repo)
	store.sale(t, "a", 10, time.Minute)
	c, birth := store.buy(t, "a", 1)
	repo.comesTo(t, "a", map[State]int{Pending: 1})
	store.confirm(t, "a", birth, c)
	repo.comesTo(t, "a", map[State]int{Confirmed: 1})
	if err := store.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	store.skip(time.Second)
	store.sale(t, "a", 10, 0)
	store.buy(t, "a", 3)
	repo.comesTo(t, "a", map[State]int{Confirmed: 1, Pending: 3})
	stop()
}

// The sale is removed and made again between two looks at the list. Its own hold counts, under its own birth.
func TestSaleMadeAgainUnnoticed(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 10, 0)
	_, first := store.buy(t, "a", 1)
	blind := brisk
	blind.look = time.Hour
	work(t, store, repo, func(c *Config) { c.pace = &blind })
	repo.comesTo(t, "a", map[State]int{Pending: 1})
	if err := store.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	store.skip(time.Second)
	store.sale(t, "a", 10, time.Hour)
	store.buy(t, "a", 3)
	repo.comesTo(t, "a", map[State]int{Pending: 4})
	rows, _ := repo.rows("a")
	for _, r := range rows {
		if (r.ExpiresAt == nil) != (r.Birth == int64(first)) {
			t.Errorf("%+v", r)
		}
	}
}

// Ledger time and the wall clock differ. A row has the hold's end by the wall clock.
func TestHoldEndsByTheWallClock(t *testing.T) {
	ev := ledger.Event{ID: "1-0", Number: 1, Kind: ledger.Reserved, Birth: 1, At: 1_000, Raw: at0,
		Claims: []ledger.Claim{{Serial: 1, Count: 1, Fence: 1, Expiry: 5_000}}}
	for held, want := range map[bool]string{true: "2023-11-14T22:13:20.004000Z", false: "<nil>"} {
		var e Entry
		if err := e.addEvent("a", ev, held, false); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(text(e.Rows[0].ExpiresAt)); got != want || len(e.Deliveries) != 0 {
			t.Errorf("held %v: %s, want %s", held, got, want)
		}
	}
}

// mutedStore has a stream that does not answer.
type mutedStore struct{ ledger.Store }

func (mutedStore) EventLag(context.Context, string, ledger.Group) (ledger.Lag, error) {
	return ledger.Lag{}, errDownToday
}

func (mutedStore) ReadEvents(context.Context, string, ledger.Group, int) ([]ledger.Event, error) {
	return nil, errDownToday
}

func TestHoldsEndWithoutTheStream(t *testing.T) {
	t.Parallel()
	store := newShop()
	store.sale(t, "a", 2, 2*time.Second)
	store.buy(t, "a", 2)
	work(t, mutedStore{store}, newSQLite(t))
	eventually(t, "the units are free", func() bool {
		store.skip(100 * time.Millisecond)
		r, err := store.Show(t.Context(), "a")
		return err == nil && r.Free == 2
	})
}

// Without a database no stream is read, and units still come back.
func TestExpiryWithoutADatabase(t *testing.T) {
	t.Parallel()
	store := newShop()
	store.sale(t, "a", 2, 2*time.Second)
	store.buy(t, "a", 2)
	work(t, store, nil)
	eventually(t, "the units are free", func() bool {
		store.skip(100 * time.Millisecond)
		r, err := store.Show(t.Context(), "a")
		return err == nil && r.Free == 2 && r.Pending == 0
	})
	if lag, err := store.EventLag(t.Context(), "a", ledger.Group{Name: ledger.OrdersGroup}); err != nil ||
		lag.Unread != 2 {
		t.Errorf("the stream was read: %+v %v", lag, err)
	}
}

// Two workers on a bad day are ended and started again and again. No order is missing, and none is stored twice.
func TestNothingIsLostOnABadDay(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 3000, time.Hour)
	day := badDay{Store: store, Repository: repo, bad: &atomic.Bool{}}
	day.bad.Store(true)
	var stops []func()
	for range 2 {
		stops = append(stops, work(t, day, day))
	}
	want := map[State]int{}
	for i := range 400 {
		c, birth := store.buy(t, "a", uint32(1+i%3))
		units := int(c.Count)
		switch i % 4 {
		case 0:
			store.confirm(t, "a", birth, c)
			want[Confirmed] += units
		case 1:
			store.cancel(t, "a", birth, c)
			want[Cancelled] += units
		default:
			want[Pending] += units
		}
		if i%50 == 49 {
			k := i / 50 % 2
			stops[k]()
			stops[k] = work(t, day, day)
		}
	}
	day.bad.Store(false)
	repo.comesTo(t, "a", want)
	allDone(t, store, "a")
}

// The database is away at the start and again later. Holds end all the same.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 10, 2*time.Second)
	away := &awayRepository{Repository: repo}
	away.off.Store(true)
	stop := work(t, store, away)
	store.buy(t, "a", 2)
	freed := func() bool {
		store.skip(100 * time.Millisecond)
		r, err := store.Show(t.Context(), "a")
		return err == nil && r.Free == 10
	}
	eventually(t, "holds end without a database", freed)
	away.off.Store(false)
	repo.comesTo(t, "a", map[State]int{Expired: 2})
	away.off.Store(true)
	store.buy(t, "a", 3)
	eventually(t, "holds end without a database again", freed)
	eventually(t, "it tries", func() bool { return away.tried.Load() > 3 })
	away.off.Store(false)
	repo.comesTo(t, "a", map[State]int{Expired: 5})
	allDone(t, store, "a")
	away.off.Store(true)
	store.buy(t, "a", 1)
	stop() // the stop must not wait for the database
}

// A worker took events and never came back.
func TestDeadWorkersEventsAreTakenOver(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 10, time.Hour)
	store.buy(t, "a", 4)
	dead := ledger.Group{Name: ledger.OrdersGroup, Consumer: "dead"}
	if evs, err := store.ReadEvents(t.Context(), "a", dead, 10); err != nil || len(evs) != 1 {
		t.Fatal(evs, err)
	}
	work(t, store, repo)
	repo.comesTo(t, "a", map[State]int{Pending: 4})
	allDone(t, store, "a")
}

// The sale is removed and made again while a batch of the old sale is in hand. Both are stored, each under its birth.
func TestSaleMadeAgainWithABatchInHand(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	away := &awayRepository{Repository: repo}
	store.sale(t, "a", 10, time.Hour)
	_, first := store.buy(t, "a", 2)
	work(t, store, away)
	repo.comesTo(t, "a", map[State]int{Pending: 2})
	away.off.Store(true)
	store.buy(t, "a", 3)
	eventually(t, "a batch is in hand", func() bool { return away.tried.Load() > 0 })
	if err := store.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	store.skip(time.Second)
	store.sale(t, "a", 10, 0)
	_, second := store.buy(t, "a", 1)
	time.Sleep(3 * brisk.look)
	away.off.Store(false)
	repo.comesTo(t, "a", map[State]int{Pending: 6})
	rows, _ := repo.rows("a")
	births := map[int64]int{}
	for _, r := range rows {
		births[r.Birth]++
		if (r.ExpiresAt == nil) != (r.Birth == int64(second)) {
			t.Errorf("%+v", r)
		}
	}
	if births[int64(first)] != 5 || births[int64(second)] != 1 {
		t.Errorf("%v", births)
	}
}

func TestOddEventsAreParked(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 10, time.Hour)
	store.buy(t, "a", 2)
	odd := &oddStore{Store: store}
	work(t, odd, repo)
	repo.comesTo(t, "a", map[State]int{Pending: 2})
	if n, err := repo.count("SELECT count(*) FROM parked_events WHERE id = 'odd'"); err != nil || n != 1 {
		t.Errorf("%d parked, %v", n, err)
	}
	eventually(t, "it is acknowledged", func() bool { _, done := odd.acked.Load("odd"); return done })
}

// One sale cannot be stored; all others are.
func TestManySales(t *testing.T) {
	t.Parallel()
	const sales = 50
	store, repo := newShop(), newSQLite(t)
	for i := range sales {
		name := fmt.Sprintf("s%d", i)
		store.sale(t, name, 5, time.Hour)
		store.buy(t, name, 2)
	}
	work(t, store, refusingRepository{repo, "s7"})
	eventually(t, "all others are stored", func() bool {
		n, err := repo.count("SELECT count(*) FROM orders")
		return err == nil && n == 2*(sales-1)
	})
}

func TestOperatorsSide(t *testing.T) {
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 10, time.Hour)
	store.buy(t, "a", 3)
	away := &awayRepository{Repository: repo}
	away.off.Store(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	work(t, store, away, func(c *Config) { c.Admin = addr })
	fetch := func(path string) (int, string) {
		r, err := http.Get("http://" + addr + path)
		if err != nil {
			return 0, ""
		}
		defer func() { _ = r.Body.Close() }()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(text)
	}
	eventually(t, "it names the database", func() bool {
		code, text := fetch("/readyz")
		return code == 503 && strings.HasPrefix(text, "database: ")
	})
	if code, _ := fetch("/healthz"); code != 200 {
		t.Errorf("healthz: %d", code)
	}
	eventually(t, "the lag is seen", func() bool {
		_, text := fetch("/metrics")
		return strings.Contains(text, `spike_orders_unread{sale="a"} 1`) &&
			strings.Contains(text, `spike_orders_part_ok{part="database"} 0`)
	})
	away.off.Store(false)
	eventually(t, "it is ready", func() bool { code, _ := fetch("/readyz"); return code == 200 })
	eventually(t, "rows are counted", func() bool {
		_, text := fetch("/metrics")
		return strings.Contains(text, "spike_orders_rows_total 3") && strings.Contains(text, `spike_orders_unread{sale="a"} 0`) &&
			strings.Contains(text, `spike_orders_lag_seconds{sale="a"} 0`)
	})
}
