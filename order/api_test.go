package order

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
	"spike/order/loopback"
)

// suiteAgain: parked deliveries and parked orders can be looked at, and tried again.
func suiteAgain(t *testing.T, s testRepository) {
	ids := parkSome(t, s)
	parked := func() []Delivery {
		t.Helper()
		ds, err := s.Deliveries(t.Context(), Parked, 10)
		if err != nil {
			t.Fatal(err)
		}
		return ds
	}
	if ds := parked(); len(ds) != len(ids) || ds[0].Attempts != maxAttempts || ds[0].Error != "no" || ds[0].Body == "" {
		t.Fatalf("%+v", ds)
	}
	for _, want := range []int64{1, 0} { // the second time it is due already
		if n, err := s.Resend(t.Context(), ids[0], time.Now()); err != nil || n != want {
			t.Errorf("%d %v, want %d", n, err, want)
		}
	}
	if due, err := s.Deliveries(t.Context(), Due, 1); err != nil || len(due) != 1 || due[0].ID != ids[0] || due[0].Attempts != 0 {
		t.Errorf("%+v %v", due, err)
	}
	if n, err := s.Resend(t.Context(), "", time.Now()); err != nil || n != int64(len(ids)-1) || len(parked()) != 0 {
		t.Errorf("%d %v", n, err)
	}
	list, err := s.Parked(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Sale != "refused" || list[0].Why != "x" || list[0].Kind != "reserved" ||
		list[0].Retry ||
		list[0].Units != 1 || ledgerID(list[0].Reservation) != nil || time.Since(list[0].ParkedAt).Abs() > time.Hour {
		t.Errorf("%+v %v", list, err)
	}
}

func ledgerID(id string) error {
	_, _, err := ledger.ParseReservation(id)
	return err
}

// parkSome parks the deliveries of a story, and an order.
func parkSome(t *testing.T, s testRepository) (ids []string) {
	t.Helper()
	if err := s.Save(t.Context(), entries(t, story(1, 1, 1000, ledger.Confirmed, false), 9)[0]); err != nil {
		t.Fatal(err)
	}
	for _, d := range take(t, s, time.Now(), 10) {
		d.State, d.Attempts, d.Error = Parked, maxAttempts, "no"
		if err := s.Mark(t.Context(), []Delivery{d}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	orders := entryOf(t, "refused", story(5, 1, 1000, ledger.Confirmed, true)).Orders
	if err := s.Save(t.Context(), Entry{Refused: []Refused{{orders[0], "x"}}}); err != nil {
		t.Fatal(err)
	}
	return ids
}

// ordersPaths is what openapi.yaml says of the order worker's operators' side: every answer, by operation, status and code.
func ordersPaths(doc *openapi3.T) map[string]*openapi3.SchemaRef {
	all := map[string]*openapi3.SchemaRef{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status, answer := range op.Responses.Map() {
				for kind, media := range answer.Value.Content {
					if op.Tags[0] == "orders" && strings.HasSuffix(kind, "json") {
						all[op.OperationID+" "+status] = media.Schema
					}
				}
			}
		}
	}
	return all
}

// TestOperatorsOfOrders asks for everything that openapi.yaml has for the order worker, and compares the answers with it.
func TestOperatorsOfOrders(t *testing.T) {
	doc := readOpenAPI(t)
	open := newSQLite(t)
	ids := parkSome(t, open)
	shut := newSQLite(t)
	shut.Close()
	said, heard := ordersPaths(doc), map[string]bool{}
	for _, c := range []struct {
		op, method, uri string
		status          int
		says            string
		shut            bool // its database does not answer
	}{
		{"listWebhooks", "GET", "/api/v1/webhooks?state=parked", 200, ids[1], false},
		{"listWebhooks", "GET", "/api/v1/webhooks?state=due&limit=1", 200, `{"webhooks":[]}`, false},
		{"listWebhooks", "GET", "/api/v1/webhooks?state=delivered", 400, "bad_request", false},
		{"listWebhooks", "GET", "/api/v1/webhooks?state=parked&limit=0", 400, "bad_request", false},
		{"listWebhooks", "GET", "/api/v1/webhooks?state=parked", 503, "database", true},
		{"retryWebhook", "POST", "/api/v1/webhooks/" + ids[0] + "/retry", 200, `{"retried":1}`, false},
		{"retryWebhook", "POST", "/api/v1/webhooks/" + ids[0] + "/retry", 404, "no_such_webhook", false},
		{"retryWebhook", "POST", "/api/v1/webhooks/" + ids[0] + "/retry", 503, "database", true},
		{"retryAllWebhooks", "POST", "/api/v1/webhooks/retry-all", 200, fmt.Sprintf(`{"retried":%d}`, len(ids)-1), false},
		{"retryAllWebhooks", "POST", "/api/v1/webhooks/retry-all", 503, "database", true},
		{"listParkedOrders", "GET", "/api/v1/parked-orders", 200, `"retry":false`, false},
		{"retryParkedOrders", "POST", "/api/v1/parked-orders/retry-all", 200, `{"retried":1}`, false},
		{"listParkedOrders", "GET", "/api/v1/parked-orders", 200, `"retry":true`, false},
		{"listParkedOrders", "GET", "/api/v1/parked-orders?limit=501", 400, "bad_request", false},
		{"listParkedOrders", "GET", "/api/v1/parked-orders", 503, "database", true},
		{"retryParkedOrders", "POST", "/api/v1/parked-orders/retry-all", 503, "database", true},
	} {
		repo := open
		if c.shut {
			repo = shut
		}
		status, body := asOperator(t, repo, c.method, c.uri, "Bearer secret")
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.uri, status, body)
		}
		name := fmt.Sprintf("%s %d", c.op, c.status)
		var value any
		if err := json.Unmarshal([]byte(body), &value); err != nil {
			t.Fatalf("%s: %v %s", name, err, body)
		}
		if said[name] == nil {
			t.Errorf("%s is not documented", name)
		} else if err := doc.ValidateSchemaJSON(said[name].Value, value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		heard[name] = true
	}
	for name := range said {
		if !heard[name] {
			t.Errorf("nobody hears %s", name)
		}
	}
}

// Nobody without the token, and no page of another site, has anything tried again.
func TestOperatorsOfOrdersAreGuarded(t *testing.T) {
	repo := newSQLite(t)
	ids := parkSome(t, repo)
	if status, body := asOperator(t, repo, "POST", "/api/v1/webhooks/retry-all", "Bearer wrong"); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	if status, body := asOperator(t, repo, "POST", "/api/v1/webhooks/retry-all", "Bearer secret", "Sec-Fetch-Site",
		"cross-site"); status !=
		http.StatusForbidden {
		t.Errorf("%d %s", status, body)
	}
	if ds, err := repo.Deliveries(t.Context(), Parked, 10); err != nil || len(ds) != len(ids) {
		t.Errorf("%d parked, %v", len(ds), err)
	}
}

func asOperator(t *testing.T, repo testRepository, method, uri, token string, header ...string) (status int, body string) {
	t.Helper()
	w, err := newWorker(Config{Batch: 9, pace: &brisk, AdminTokens: loopback.NewTokens("secret")}, newShop(), repo, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, uri, nil)
	r.Header.Set("Authorization", token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	to := httptest.NewRecorder()
	w.side().Handler().ServeHTTP(to, r)
	return to.Code, to.Body.String()
}
