package answer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/buy"
	"spike/edge/identity"
	"spike/edge/sales"
	"spike/edge/token"
	"spike/luascripts/ledger"
)

var someSigner = token.NewSigner(make([]byte, token.MinKey))

func formats() map[string]*Format {
	return map[string]*Format{"zh": Article("zh", someSigner, Spread{}), "en": Article("en", someSigner, Spread{}),
		"v1": V1(someSigner, Spread{})}
}

// Every outcome has an answer in every format: JSON of a known content type, with a status.
func TestEveryOutcomeHasAnAnswer(t *testing.T) {
	for name, f := range formats() {
		for o := range buy.Outcomes {
			if o == buy.Won || o == buy.Entered || o == buy.Unopened || o == buy.TooMuch { // their answers need a sale
				continue
			}
			var to fasthttp.Response
			f.Write(&to, nil, &buy.Decision{Outcome: o, Why: "why"})
			kind, body := string(to.Header.ContentType()), to.Body()
			if !json.Valid(body) || !strings.HasPrefix(kind, "application/") || to.StatusCode() == 0 ||
				strings.Contains(string(body), "serial") {
				t.Errorf("%s: outcome %d: %d %s %s", name, o, to.StatusCode(), kind, body)
			}
		}
	}
}

// A Decision that nobody made is answered with "undecided" in every format.
func TestNoDecisionIsUndecided(t *testing.T) {
	for name, f := range formats() {
		var to fasthttp.Response
		f.Write(&to, &sales.Sale{}, &buy.Decision{})
		if to.StatusCode() != 503 || string(to.Header.Peek("Retry-After")) != "1" {
			t.Errorf("%s: %s", name, &to)
		}
		empty := (&Format{prepared: [buy.Outcomes]replies{buy.Undecided: f.prepared[buy.Undecided]}}).complete()
		if empty.prepared[buy.SoldOut].any().Status != 503 {
			t.Errorf("%s: an outcome without an answer is %d", name, empty.prepared[buy.SoldOut].any().Status)
		}
	}
}

// An error is the same problem everywhere.
func TestProblemOfAnError(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
		header string
	}{
		{NewProblem(400, "bad_n", "n"), 400, "bad_n", ""},
		{fmt.Errorf("about n: %w", NewProblem(400, "bad_n", "n")), 400, "bad_n", ""},
		{ErrNoReservation, 404, "no_such_reservation", ""},
		{ledger.ErrNoSale, 404, "no_such_sale", ""},
		{&ledger.Refusal{Code: "NOSALE", Why: "gone"}, 404, "no_such_sale", ""},
		{ledger.ErrName, 404, "no_such_sale", ""},
		{&ledger.Refusal{Code: "BADSALE", Why: "odd"}, 409, "sale_refused", ""},
		{identity.ErrJWT, 401, "bad_token", "WWW-Authenticate"},
		{identity.ErrIdempotencyKey, 400, "bad_key", ""},
		{identity.ErrIdentity, 400, "bad_buyer", ""},
		{ledger.ErrDown, 503, "undecided", ""},
		{sales.ErrBusy, 503, "undecided", ""},
		{errors.New("anything else"), 503, "undecided", ""},
	} {
		r := Of(c.err)
		var says Problem
		if err := json.Unmarshal(r.Body, &says); err != nil || r.Status != c.status || says.Status != c.status || says.Code != c.code ||
			r.Header[0] != c.header ||
			(r.Retry != nil) != (c.status == 503) || (says.RetryAfterMS > 0) != (r.Retry != nil) {
			t.Errorf("%v: %d %s", c.err, r.Status, r.Body)
		}
	}
}

func TestTicketWaitsInWholeSeconds(t *testing.T) {
	now := time.Now().UnixMicro()
	for wait, want := range map[int64]string{-5: "1", 0: "1", 1: "1", 1_000_000: "1", 1_000_001: "2", 90_000_000: "90"} {
		if r := (Spread{}).TicketWaits("ticket", "x", now, now+wait); r.Status != 202 || string(r.Retry) != want {
			t.Errorf("%d us: %d, Retry-After %s", wait, r.Status, r.Retry)
		}
	}
}
