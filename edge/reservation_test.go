package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/internal/storetest"
	"spike/edge/token"
	"spike/luascripts/ledger"
)

// bearer is a buyer with tokens at an edge.
type bearer struct {
	s     *Server
	admin http.Handler
	id    string // of the newest reservation
}

func newBearer(s *Server) *bearer { return &bearer{s: s, admin: s.operators().Handler()} }

// buys wins n units, and returns their token.
func (b *bearer) buys(t *testing.T, uri string) string {
	t.Helper()
	body := ask(b.s, "GET", uri).Response.Body()
	var won struct {
		Data struct{ Token, Reservation string }
	}
	if err := json.Unmarshal(body, &won); err != nil || won.Data.Token == "" {
		t.Fatalf("%s: %s", uri, body)
	}
	b.id = won.Data.Reservation
	return won.Data.Token
}

// response is an answer of one of the sides, for comparison.
type response struct {
	status int
	body   string
	header http.Header
}

// operates sends a request to the operators' side.
func (b *bearer) operates(method, path, body string) response {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	r.Host = "localhost:3006"
	b.admin.ServeHTTP(w, r)
	return response{w.Code, w.Body.String(), w.Header()}
}

// does looks at a reservation, cancels it, confirms it, or puts it back on sale.
func (b *bearer) does(what, token string) response {
	if what == "confirm" || what == "release" {
		return b.operates("POST", "/reservations/"+token+"/"+what, "")
	}
	method, uri := "GET", "/v1/reservations/"+token
	if what == "cancel" {
		method, uri = "POST", uri+"/cancel"
	}
	ctx := ask(b.s, method, uri)
	header := http.Header{}
	for k, v := range ctx.Response.Header.All() {
		header.Add(string(k), string(v))
	}
	return response{ctx.Response.StatusCode(), string(ctx.Response.Body()), header}
}

func TestReservationsLive(t *testing.T) {
	for _, c := range []struct {
		does, then string
		status     int
		says       string
	}{
		{"", "look", 200, `"state":"pending","expires_at":"20`},
		{"", "look", 200, `"order":{"state":"queued"}`},
		{"confirm", "look", 200, `"state":"confirmed","order":`},
		{"confirm", "confirm", 200, `"state":"confirmed"}`},
		{"confirm", "cancel", 409, `"code":"already_confirmed"`},
		{"cancel", "look", 200, `"state":"cancelled","order":`},
		{"cancel", "cancel", 200, `"state":"cancelled"}`},
		{"cancel", "confirm", 409, `"code":"already_cancelled"`},
		{"cancel", "release", 409, `"code":"already_cancelled"`},
		{"confirm", "release", 200, `"state":"refunded"}`},
		{"release", "release", 200, `"state":"refunded"}`},
		{"release", "look", 200, `"state":"refunded","order":`},
		{"release", "confirm", 409, `"code":"already_refunded"`},
	} {
		t.Run(c.does+" then "+c.then, func(t *testing.T) {
			b := newBearer(testServer(t, testConfig(), storetest.Embedded(t, 10, time.Hour)))
			token := b.buys(t, "/buy/ticket")
			if c.does != "" {
				got := b.does(c.does, token)
				if got.status != 200 || !strings.HasPrefix(got.body, `{"sale":"ticket","serial":1,"reservation":"`+b.id+`","state":`) {
					t.Fatalf("%+v", got)
				}
			}
			got := b.does(c.then, token)
			if got.status != c.status || !strings.Contains(got.body, c.says) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestReservationOfSeveral(t *testing.T) {
	b := newBearer(testServer(t, testConfig(), storetest.Embedded(t, 10, 0)))
	got := b.does("look", b.buys(t, "/buy/ticket?n=3"))
	want := `{"sale":"ticket","serial":1,"count":3,"reservation":"` + b.id + `","state":"pending","order":{"state":"queued"}}`
	if got.body != want {
		t.Errorf("%s, want %s", got.body, want)
	}
}

// A refunded unit is sold again, and stays with its new owner. Only who names a reservation may put its unit back.
func TestRefundedUnitIsSoldAgain(t *testing.T) {
	b := newBearer(testServer(t, testConfig(), storetest.Embedded(t, 1, time.Hour)))
	first := b.buys(t, "/buy/ticket")
	firstID := b.id
	b.does("confirm", first)
	if got := b.does("release", first); got.status != 200 {
		t.Fatal(got)
	}
	var second string
	for end := time.Now().Add(20 * time.Second); second == ""; time.Sleep(10 * time.Millisecond) {
		if body := ask(b.s, "GET", "/buy/ticket").Response.Body(); bytes.Contains(body, []byte(`"code":1,`)) {
			second = wonToken(string(body))
		} else if time.Now().After(end) {
			t.Fatalf("%s", body)
		}
	}
	b.does("confirm", second)
	unit := b.operates("GET", "/sales/ticket/units/1", "")
	if unit.status != 200 || strings.Contains(unit.body, firstID) || !strings.Contains(unit.body, `"state":"confirmed"`) {
		t.Errorf("%+v", unit)
	}
	for name, got := range map[string]response{"by its token": b.does("release", first),
		"by its serial": b.operates("POST", "/sales/ticket/units/1/release", `{"reservation":"`+firstID+`"}`)} {
		if got.status != 200 || !strings.Contains(got.body, firstID+`","state":"refunded"`) {
			t.Errorf("again %s: %+v", name, got)
		}
	}
	if got := b.does("look", second); !strings.Contains(got.body, `"state":"confirmed"`) {
		t.Errorf("the second buyer hears %+v", got)
	}
}

// While the payment is under way, the hold goes on, at most so long again.
func TestHoldIsProlonged(t *testing.T) {
	b := newBearer(testServer(t, testConfig(), storetest.Embedded(t, 5, time.Hour)))
	token := b.buys(t, "/buy/ticket")
	ends := func(r response) time.Time {
		var says struct {
			ExpiresAt time.Time `json:"expires_at"`
		}
		if err := json.Unmarshal([]byte(r.body), &says); err != nil || r.status != 200 {
			t.Fatalf("%+v", r)
		}
		return says.ExpiresAt
	}
	first := ends(b.does("look", token))
	for _, c := range []struct {
		seconds int
		later   time.Duration
	}{{1800, 30 * time.Minute}, {60, 30 * time.Minute}, {86400, time.Hour}, {86400, time.Hour}} {
		got := ends(b.operates("POST", "/reservations/"+token+"/prolong", fmt.Sprintf(`{"by_seconds":%d}`, c.seconds)))
		for _, at := range []time.Time{got, ends(b.does("look", token))} {
			if off := at.Sub(first.Add(c.later)).Abs(); off > 2*time.Second { // it is said in whole seconds
				t.Errorf("by %d s: it ends %v after the first end", c.seconds, at.Sub(first))
			}
		}
	}
}

func TestReservationExpires(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Second)
	b := newBearer(testServer(t, testConfig(), store))
	token := b.buys(t, "/buy/ticket")
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(b.does("look", token).body, `"state":"expired"`) {
		if time.Now().After(deadline) {
			t.Fatal(b.does("look", token))
		}
		time.Sleep(50 * time.Millisecond)
		_, _ = store.Expire(t.Context(), "ticket", 64)
	}
	for _, what := range []string{"cancel", "confirm"} {
		if got := b.does(what, token); got.status != 409 || !strings.Contains(got.body, `"code":"already_expired"`) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// Every token that is not good gets the same answer, byte for byte, so that nobody learns what is wrong with it.
func TestBadTokensAreAlike(t *testing.T) {
	var log bytes.Buffer
	store := storetest.Embedded(t, 10, time.Hour)
	s := loggingServer(t, testConfig(), store, zerolog.New(&log))
	b := newBearer(s)
	good := b.buys(t, "/buy/ticket")
	if _, err := store.Create(t.Context(), "gone", ledger.CreateRequest{Total: 1}); err != nil {
		t.Fatal(err)
	}
	removed := b.buys(t, "/buy/gone")
	if err := store.Remove(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	foreign := token.NewSigner(bytes.Repeat([]byte{9}, 32)).Append(nil, 1, &ledger.Claim{Serial: 1, Count: 1})
	bad := map[string]string{
		"short": good[1:], "long": good + "A", "not base64": "!" + good[1:], "forged": "B" + good[1:],
		"end changed":    good[:83] + flip(good[83]),
		"of another key": string(foreign), "of a removed sale": removed,
		"of a sale that never was": string(s.signer.Append(nil, 12345, &ledger.Claim{Serial: 1, Count: 1})),
	}
	for _, what := range []string{"look", "cancel", "confirm"} {
		want := b.does(what, "x")
		if want.status != 404 || !strings.Contains(want.body, `"code":"no_such_reservation"`) {
			t.Errorf("%s: %+v", what, want)
		}
		for why, token := range bad {
			if got := b.does(what, token); got.status != want.status || got.body != want.body || !sameHeaders(got.header, want.header) {
				t.Errorf("%s, %s: %+v, want %+v", what, why, got, want)
			}
		}
	}
	b.does("confirm", good)
	for _, secret := range []string{good, removed} {
		if strings.Contains(log.String(), secret) {
			t.Error("a token is in the log")
		}
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func sameHeaders(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if a.Get(k) != b.Get(k) {
			return false
		}
	}
	return true
}

// A sale that was made again under its name is another sale for tokens.
func TestTokenOfTheSaleBefore(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Hour)
	b := newBearer(testServer(t, testConfig(), store))
	token := b.buys(t, "/buy/ticket")
	if err := store.Remove(t.Context(), "ticket"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: 10}); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"look", "cancel", "confirm"} {
		if got := b.does(what, token); got.status != 404 {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// mute is a store that does not answer about reservations.
type mute struct{ ledger.Store }

func (mute) Reservation(context.Context, string, uint64, ledger.Claim) (ledger.ReservationReply, error) {
	return ledger.ReservationReply{}, ledger.ErrDown
}

func (mute) Cancel(context.Context, string, uint64, ledger.Claim) (ledger.ReservationReply, error) {
	return ledger.ReservationReply{}, ledger.ErrDown
}

func (mute) Confirm(context.Context, string, uint64, ledger.Claim) (ledger.ReservationReply, error) {
	return ledger.ReservationReply{}, ledger.ErrDown
}

func TestReservationsOfAMuteStoreAreUndecided(t *testing.T) {
	b := newBearer(testServer(t, testConfig(), mute{storetest.Embedded(t, 10, time.Hour)}))
	token := b.buys(t, "/buy/ticket")
	for _, what := range []string{"look", "cancel", "confirm"} {
		got := b.does(what, token)
		if got.status != 503 || got.header.Get("Retry-After") != "1" || !strings.Contains(got.body, `"code":"undecided"`) ||
			!strings.Contains(got.body, `"retry_after_ms":1000`) || !json.Valid([]byte(got.body)) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestReservationMethods(t *testing.T) {
	b := newBearer(testServer(t, testConfig(), storetest.Embedded(t, 10, time.Hour)))
	show := "/v1/reservations/" + b.buys(t, "/buy/ticket")
	cancel := show + "/cancel"
	for _, c := range []struct {
		method, uri string
		status      int
		allow       string
	}{
		{"HEAD", show, 200, ""}, {"POST", show, 405, "GET, HEAD"}, {"DELETE", show, 405, "GET, HEAD"},
		{"GET", cancel, 405, "POST"}, {"PUT", cancel, 405, "POST"}, {"POST", cancel, 200, ""},
	} {
		ctx := ask(b.s, c.method, c.uri)
		if ctx.Response.StatusCode() != c.status || string(ctx.Response.Header.Peek("Allow")) != c.allow {
			t.Errorf("%s: %s", c.method, &ctx.Response)
		}
	}
}
