package order

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"spike/luascripts/ledger"
)

var testSecret = secretOf(32)

// hook is an endpoint that checks signatures and keeps its messages.
type hook struct {
	*httptest.Server
	answer func(w http.ResponseWriter, n int) // of the n-th message, from 1; nil: 200

	mu   sync.Mutex
	n    int
	told map[string][]string // id -> bodies
	bad  []error
}

func newHook(t testing.TB, answer func(http.ResponseWriter, int)) *hook {
	t.Helper()
	h := &hook{told: map[string][]string{}, answer: answer}
	verifier, err := webhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := verifier.Verify(body, r.Header); err != nil {
			h.bad = append(h.bad, err)
		}
		h.n++
		if h.answer != nil {
			h.answer(w, h.n)
		}
		id := r.Header.Get("webhook-id")
		h.told[id] = append(h.told[id], string(body))
	}))
	t.Cleanup(func() {
		h.Close()
		if len(h.bad) > 0 {
			t.Error(h.bad)
		}
	})
	return h
}

func (h *hook) ids() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.told)
}

func (h *hook) hits() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

// messages is the received messages, each once. A repeated message must have the same body.
func (h *hook) messages(t testing.TB) (list []payload) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, bodies := range h.told {
		for _, b := range bodies {
			if b != bodies[0] {
				t.Errorf("%s: %s, then %s", id, bodies[0], b)
			}
		}
		var p payload
		if err := json.Unmarshal([]byte(bodies[0]), &p); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(id, "msg_") || strings.Contains(id, ".") {
			t.Errorf("id %q", id)
		}
		list = append(list, p)
	}
	return list
}

func hooked(url string) func(*Config) {
	return func(c *Config) { c.Webhook, c.WebhookSecret = url, testSecret }
}

func (s testRepository) deliveries(t testing.TB, state string) int {
	t.Helper()
	n, err := s.count("SELECT count(*) FROM deliveries WHERE state = '" + state + "'")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWebhooksTellWhatHappened(t *testing.T) {
	t.Parallel()
	store, repo, h := newShop(), newSQLite(t), newHook(t, nil)
	store.sale(t, "a.b", 100, time.Minute)
	work(t, store, repo, hooked(h.URL))
	paid, birth := store.buy(t, "a.b", 2)
	store.confirm(t, "a.b", birth, paid)
	left, _ := store.buy(t, "a.b", 1)
	store.cancel(t, "a.b", birth, left)
	store.buy(t, "a.b", 3)
	eventually(t, "five are told", func() bool { return h.ids() == 5 })
	store.expire(t, "a.b", 61*time.Second)
	eventually(t, "six are delivered", func() bool { return repo.deliveries(t, Delivered) == 6 })
	kinds, reservations := map[string]int{}, map[string]int{}
	for _, m := range h.messages(t) {
		kinds[m.Type+" "+m.Data.Reason]++
		reservations[m.Data.Reservation]++
		if _, err := time.Parse(time.RFC3339, m.Timestamp); err != nil || m.Data.Sale != "a.b" || m.Data.Buyer == nil ||
			(m.Data.Units > 1) != (len(m.Data.Serials) == int(m.Data.Units)) ||
			(m.Type == "reserved") != (m.Data.ExpiresAt != "") {
			t.Errorf("%+v %v", m, err)
		}
	}
	if fmt.Sprint(kinds) != "map[confirmed :1 released cancelled:1 released expired:1 reserved :3]" || len(reservations) != 3 {
		t.Errorf("%v %v", kinds, reservations)
	}
}

// Anonymous is null, not the hash of nothing. One unit has no list of serials.
func TestPayload(t *testing.T) {
	ev := ledger.Event{ID: "1-0", Number: 4, Kind: ledger.Expired, Birth: 7, At: 9, Raw: at0,
		Claims: []ledger.Claim{{Serial: 5, Count: 1, Fence: 8, Nonce: 3, Expiry: 9}}}
	d := message("tickets", ev, ev.Claims[0], true)
	const want = `{"type":"released","timestamp":"2023-11-14T22:13:20.000000Z","data":{"sale":"tickets",` +
		`"reservation":"rsv_000000000000070000000000000800000000000003","serial":5,"units":1,"buyer":null,"reason":"expired"}}`
	if d.Body != want {
		t.Errorf("got  %s\nwant %s", d.Body, want)
	}
	other := ev.Claims[0]
	other.Nonce++
	if again := message("tickets", ev, ev.Claims[0], true); again != d {
		t.Errorf("told differently: %+v", again)
	}
	if message("tickets", ev, other, true).ID == d.ID || message("ticket", ev, ev.Claims[0], true).ID == d.ID {
		t.Error("two messages under one id")
	}
}

// A failed message is tried again, under the same id and with the same body.
func TestWebhooksAreTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHook(t, func(w http.ResponseWriter, n int) {
		if n <= 3 {
			w.Header().Set("Location", "/elsewhere") // a client that followed it would send a GET without a signature
			w.WriteHeader([]int{500, 302, 404}[n-1])
		}
	})
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 100, time.Minute)
	store.buy(t, "a", 1)
	work(t, store, repo, hooked(h.URL))
	eventually(t, "it is delivered", func() bool { return repo.deliveries(t, Delivered) == 1 })
	h.messages(t)
	if h.hits() != 4 || h.ids() != 1 {
		t.Errorf("%d attempts of %d messages", h.hits(), h.ids())
	}
}

// A dead endpoint gets few attempts, and nothing waits for it. When it is back, it gets every message.
func TestDeadEndpoint(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	dead.Store(true)
	h := newHook(t, func(w http.ResponseWriter, _ int) {
		if dead.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 1000, time.Minute)
	for range 200 {
		store.buy(t, "a", 1)
	}
	slow := brisk
	slow.webhook = time.Second
	work(t, store, repo, hooked(h.URL), func(c *Config) { c.pace, c.Batch = &slow, 500 })
	repo.comesTo(t, "a", map[State]int{Pending: 200})
	attempts := func() int {
		n, err := repo.count("SELECT sum(attempts) FROM deliveries")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "it was tried", func() bool { return attempts() >= failuresToPause })
	if n := attempts(); n > failuresToPause+2*sendAtOnce {
		t.Errorf("%d attempts to tell a dead endpoint 200 messages", n)
	}
	dead.Store(false)
	eventually(t, "all is told", func() bool { return repo.deliveries(t, Delivered) == 200 })
	h.messages(t)
}

// 410: this process sends nothing more. Orders go on, and the next process tries again.
func TestEndpointGone(t *testing.T) {
	t.Parallel()
	h := newHook(t, func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusGone)
		}
	})
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 100, time.Minute)
	store.buy(t, "a", 1)
	stop := work(t, store, repo, hooked(h.URL))
	eventually(t, "it was told once", func() bool { return h.hits() == 1 })
	store.buy(t, "a", 1)
	repo.comesTo(t, "a", map[State]int{Pending: 2})
	time.Sleep(20 * brisk.send)
	stop()
	if h.hits() != 1 || repo.deliveries(t, Due) != 2 {
		t.Errorf("%d attempts, %d due", h.hits(), repo.deliveries(t, Due))
	}
	work(t, store, repo, hooked(h.URL))
	eventually(t, "the next one tells all", func() bool { return repo.deliveries(t, Delivered) == 2 })
}

// Two workers meet an endpoint that often fails. Every message arrives, under one id each.
func TestTwoSenders(t *testing.T) {
	t.Parallel()
	h := newHook(t, func(w http.ResponseWriter, n int) {
		if n%3 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 1000, time.Minute)
	day := badDay{Store: store, Repository: repo, bad: &atomic.Bool{}}
	day.bad.Store(true)
	for range 2 {
		work(t, day, day, hooked(h.URL))
	}
	for range 100 {
		store.buy(t, "a", 1)
	}
	eventually(t, "all is told", func() bool { return h.ids() == 100 && repo.deliveries(t, Delivered) == 100 })
	h.messages(t)
}

func TestDeliveryMovesOn(t *testing.T) {
	now := wall(at0)
	d := Delivery{State: Due}
	var last time.Duration
	for range maxAttempts {
		if d.State != Due {
			t.Fatalf("%s after %d attempts", d.State, d.Attempts)
		}
		d.heard(answer{status: 500, err: fmt.Errorf("answered 500: %s", strings.Repeat("x", 999))}, now, time.Second)
		pause := d.NextAt.Sub(now)
		if pause < last/2 || pause > maxSendPause {
			t.Errorf("attempt %d: again after %v, before %v", d.Attempts, pause, last)
		}
		last = pause
	}
	if d.State != Parked || len(d.Error) != maxErrorText {
		t.Errorf("%+v", d)
	}
	d = Delivery{State: Due}
	d.heard(answer{status: 429, retryAfter: time.Minute, err: errAway}, now, time.Millisecond)
	if d.NextAt.Sub(now) != time.Minute {
		t.Errorf("Retry-After is not honoured: %v", d.NextAt.Sub(now))
	}
}

func TestEndpointRoom(t *testing.T) {
	now := wall(at0)
	e := &endpoint{first: time.Second}
	bad := answer{status: 500, err: errAway}
	for range failuresToPause - 1 {
		e.heard(bad, now)
	}
	if e.room(now, 64) != 64 || e.pausedNow() {
		t.Error("given up too early")
	}
	e.heard(bad, now)
	if e.room(now, 64) != 0 || e.room(now.Add(time.Second), 64) != 1 || !e.pausedNow() {
		t.Error("not paused")
	}
	for range 50 { // on their way before the pause
		e.heard(bad, now)
	}
	if e.room(now.Add(time.Second), 64) != 1 {
		t.Error("one outage, counted many times")
	}
	for range 20 { // probes
		now = now.Add(maxPause)
		e.heard(bad, now)
	}
	if e.room(now.Add(maxPause/2-time.Second), 64) != 0 || e.room(now.Add(maxPause), 64) != 1 {
		t.Error("probed too early or too late")
	}
	e.heard(answer{}, now)
	if e.room(now, 64) != 64 {
		t.Error("it is back")
	}
	e.heard(answer{status: 503, retryAfter: time.Minute, err: errAway}, now)
	if e.room(now.Add(59*time.Second), 64) != 0 || e.room(now.Add(time.Minute), 64) != 64 {
		t.Error("Retry-After is for all messages")
	}
	e.heard(answer{status: 410, err: errAway}, now)
	e.heard(answer{}, now)
	if e.room(now.Add(time.Hour), 64) != 0 {
		t.Error("gone is gone")
	}
}

func TestRetryAfter(t *testing.T) {
	now := wall(at0).Truncate(time.Second)
	for text, want := range map[string]time.Duration{"": 0, "0": 0, "7": 7 * time.Second, "-1": 0, "soon": 0,
		"99999": maxRetryAfter,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0,
		now.Add(72 * time.Hour).Format(http.TimeFormat): maxRetryAfter} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// Errors are logged without the address, which may hold a password, and without the secret.
func TestNothingSecretIsSaid(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	var mu sync.Mutex
	log := zerolog.New(zerolog.SyncWriter(writer(func(b []byte) { mu.Lock(); defer mu.Unlock(); said.Write(b) })))
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 100, time.Minute)
	store.buy(t, "a", 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Batch: 9, pace: &brisk, Webhook: "http://u:hunter2@127.0.0.1:1/hunter2?k=hunter2",
			WebhookSecret: testSecret},
			store, repo, log)
	}()
	eventually(t, "trouble is said", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(said.String(), "webhook")
	})
	eventually(t, "it was tried", func() bool {
		n, err := repo.count("SELECT count(*) FROM deliveries WHERE last_error <> '' AND last_error NOT LIKE '%hunter2%'")
		return err == nil && n == 1
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if text := said.String(); strings.Contains(text, "hunter2") ||
		strings.Contains(text, strings.TrimPrefix(testSecret, "whsec_")) {
		t.Errorf("said:\n%s", text)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// A repeated event makes no second message.
func TestOutboxKeepsTheFirst(t *testing.T) {
	t.Parallel()
	repo := newSQLite(t)
	e := entries(t, story(1, 1, 1000, ledger.Confirmed, false), 9)[0]
	for range 3 {
		if err := repo.Save(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		for _, d := range take(t, repo, time.Now(), 10) {
			d.State = Delivered
			if err := repo.Mark(t.Context(), []Delivery{d}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := repo.deliveries(t, Delivered); n != 2 {
		t.Errorf("%d", n)
	}
	if ids := []string{e.Deliveries[0].ID, e.Deliveries[1].ID}; slices.Contains(ids, "") || ids[0] == ids[1] {
		t.Errorf("%v", ids)
	}
}
