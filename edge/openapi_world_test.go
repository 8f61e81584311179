package edge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fasthttp"

	"spike/edge/identity"
	"spike/edge/token"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/order/loopback"
)

// world is two edges, one of them with a store that does not answer, and the sales and tokens of the table.
type world struct {
	doc        *openapi3.T
	operations map[string]operation
	up, down   edge
	store      *fickle
	names      map[string]string
	heard      map[heard]bool
}

const adminToken = "a token for operators"

func newWorld(t *testing.T) *world {
	doc, err := openapi3.NewLoader().LoadFromData(newDocument("1.2.3").text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil || doc.Info.Version != "1.2.3" {
		t.Fatal(doc.Info.Version, err)
	}
	w := &world{doc: doc, operations: map[string]operation{}, names: map[string]string{}, heard: map[heard]bool{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			w.operations[op.OperationID] = operation{op, path, method, item}
		}
	}
	w.store = newFickle(t)
	w.up, w.down = newEdge(t, w.store), newEdge(t, silent{})
	w.up.sales.Running.Start(func() { w.up.looker.Run(w.up.life) })
	w.names["etag"] = w.up.document.etag
	w.prepare(t)
	return w
}

var jwtSecret = bytes.Repeat([]byte("s"), 32)

// edge is a server and its two sides.
type edge struct {
	*Server
	sides [2]http.Handler // the buyers', the operators'
}

func newEdge(t *testing.T, store ledger.Store) edge {
	t.Helper()
	key, err := identity.ParseJWTKey(jwtSecret)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.AdminTokens, cfg.Trusted, cfg.JWT, cfg.Version = loopback.NewTokens(adminToken), identity.TrustedByDefault(), key, "1.2.3"
	s := testServer(t, cfg, store)
	s.ready.Store(true)
	return edge{s, [2]http.Handler{buyersSide(s.handle), s.operators().Handler()}}
}

// buyersSide reads requests as fasthttp does from a connection, and has no goroutine of its own.
type buyersSide fasthttp.RequestHandler

func (serve buyersSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var wire bytes.Buffer
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, nil)
	if err := errors.Join(r.Write(&wire), ctx.Request.Read(bufio.NewReader(&wire))); err != nil {
		panic(err)
	}
	serve(ctx)
	for k, v := range ctx.Response.Header.All() {
		w.Header().Add(string(k), string(v))
	}
	w.WriteHeader(ctx.Response.StatusCode())
	_, _ = w.Write(ctx.Response.Body())
}

// prepare makes the sales and the tokens.
func (w *world) prepare(t *testing.T) {
	for name, q := range inOrder(map[string]ledger.CreateRequest{
		"ticket": {Total: 1000, Hold: time.Hour}, "other": {Total: 10, Hold: time.Hour}, "paused": {Total: 1, Hold: time.Hour},
		"closed": {Total: 1, Hold: time.Hour}, "held": {Total: 1, Hold: time.Hour}, "limited": {Total: 9, Hold: time.Hour, Limit: 1},
		"one-buyByGet": {Total: 1}, "one-buyByPost": {Total: 1}, "one-reserve": {Total: 1},
		"entering": {Total: 1, Shuffle: time.Hour}, "drawn": {Total: 1, Hold: time.Hour, Shuffle: ledger.MinShuffle},
		"soon": {Total: 1, Hold: time.Hour, Opens: time.Now().Add(time.Hour), Closes: time.Now().Add(2 * time.Hour)},
	}) {
		if _, err := w.store.Create(t.Context(), name, q); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"paused", "closed"} {
		if _, err := w.store.Change(t.Context(), name, ledger.ChangeRequest{To: name}); err != nil {
			t.Fatal(err)
		}
	}
	for token, uri := range inOrder(map[string]string{"pending": "ticket", "several": "ticket?n=2", "confirmed": "ticket",
		"cancelled":     "ticket",
		"tobecancelled": "ticket", "tobeconfirmed": "ticket", "held": "held", "refunded": "ticket", "sold": "ticket", "others": "other"}) {
		won := w.buys(t, uri, nil)
		w.names[token], w.names[token+"id"], w.names[token+"serial"] = won.Token, won.Reservation, fmt.Sprint(won.Serial)
	}
	for who, header := range inOrder(map[string]map[string]string{"annslot": asAnn, "bobslot": asBob}) { // one of them wins
		w.names[who] = w.enters(t, "drawn", header)
	}
	w.names["waiting"] = w.enters(t, "entering", asAnn)
	time.Sleep(ledger.MinShuffle)
	w.buys(t, "limited", asAnn)
	w.names["bobs"] = w.buys(t, "limited", asBob).Token
	for _, paid := range []string{"confirmed", "bobs", "sold", "others"} {
		w.send(t, apiCase{op: "confirmReservation", side: 1, uri: "/api/v1/reservations/{" + paid + "}/confirm"})
	}
	w.names["serial"] = w.names["soldserial"] // of the document's paths
	w.send(t, apiCase{op: "releaseReservation", side: 1, uri: "/api/v1/reservations/{refunded}/release"})
	w.send(t, apiCase{op: "cancelReservation", uri: "/v1/reservations/{cancelled}/cancel"})
	birth := w.up.sales.Get([]byte("ticket")).Birth
	w.names["expired"] = string(w.up.signer.Append(nil, birth, &ledger.Claim{Serial: 999, Count: 1, Fence: 1, Nonce: 1, Expiry: 1}))
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{Subject: "eve",
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}).SignedString(jwtSecret)
	if err != nil {
		t.Fatal(err)
	}
	w.names["jwt"] = token
}

// inOrder walks a map in the order of its keys, so that every run is the same.
func inOrder[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

type bought struct {
	Serial             uint32
	Reservation, Token string
}

func (w *world) buys(t *testing.T, uri string, header map[string]string) bought {
	t.Helper()
	answer, body := w.send(t, apiCase{op: "buyByGet", uri: "/buy/" + uri, header: header})
	var won struct{ Data bought }
	if err := json.Unmarshal(body, &won); err != nil || won.Data.Token == "" {
		t.Fatalf("%s: %d %s", uri, answer.StatusCode, body)
	}
	return won.Data
}

// enters is the ticket of a buyer that enters a draw.
func (w *world) enters(t *testing.T, sale string, header map[string]string) string {
	t.Helper()
	answer, body := w.send(t, apiCase{op: "buyByGet", uri: "/buy/" + sale, header: header})
	var got struct{ Data struct{ Claim string } }
	if err := json.Unmarshal(body, &got); err != nil || len(got.Data.Claim) != token.TicketLen {
		t.Fatalf("%s: %d %s", sale, answer.StatusCode, body)
	}
	return got.Data.Claim
}

// fickle is a store with two sales that make no sense, and one whose server changes.
type fickle struct{ ledger.Store }

func newFickle(t *testing.T) *fickle {
	store := memory.New(ledger.DefaultBounds(), time.Now)
	t.Cleanup(store.Close)
	return &fickle{store}
}

func odd(sale string) error {
	switch sale {
	case "odd":
		return &ledger.Refusal{Code: "BADSALE", Why: "odd_hash_key: ticket_total_nums is missing"}
	case "foreign":
		return &ledger.Refusal{Code: "FOREIGN", Why: "foreign_hash_key: ticket_total_nums was lowered by hand"}
	}
	return nil
}

func (f *fickle) Renew(ctx context.Context, sale string, q ledger.RenewRequest) (ledger.RenewReply, error) {
	if err := odd(sale); err != nil {
		return ledger.RenewReply{}, err
	}
	return f.Store.Renew(ctx, sale, q)
}

func (f *fickle) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	if err := odd(sale); err != nil {
		return ledger.ShowReply{}, err
	}
	return f.Store.Show(ctx, sale)
}

func (f *fickle) Audit(ctx context.Context, sale string) (ledger.Audit, error) {
	if err := odd(sale); err != nil {
		return ledger.Audit{}, err
	}
	return f.Store.Audit(ctx, sale)
}

func (f *fickle) Change(ctx context.Context, sale string, q ledger.ChangeRequest) (ledger.Head, error) {
	if err := odd(sale); err != nil {
		return ledger.Head{}, err
	}
	return f.Store.Change(ctx, sale, q)
}

// Reopen is as if a replica of the other sale's server came or went at each call.
func (f *fickle) Reopen(ctx context.Context, sale string, q ledger.ReopenRequest) (ledger.Head, error) {
	if sale == "other" {
		return ledger.Head{}, &ledger.Refusal{Code: "CHANGED", Why: "replicas have come or gone meanwhile"}
	}
	return f.Store.Reopen(ctx, sale, q)
}

// Release is as if holds of the other sale were over at each call.
func (f *fickle) Release(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	if sale == "other" {
		return ledger.ReservationReply{Life: ledger.IsExpired}, nil
	}
	return f.Store.Release(ctx, sale, birth, c)
}

func (f *fickle) Edit(ctx context.Context, sale string, q ledger.EditRequest) (ledger.Head, error) {
	if err := odd(sale); err != nil {
		return ledger.Head{}, err
	}
	return f.Store.Edit(ctx, sale, q)
}

func (f *fickle) Unit(ctx context.Context, sale string, birth uint64, serial uint32, id ledger.Claim) (ledger.UnitReply, error) {
	if err := odd(sale); err != nil {
		return ledger.UnitReply{}, err
	}
	return f.Store.Unit(ctx, sale, birth, serial, id)
}

// silent is a store that does not answer.
type silent struct{ ledger.Store }

func (silent) Renew(context.Context, string, ledger.RenewRequest) (ledger.RenewReply, error) {
	return ledger.RenewReply{}, ledger.ErrDown
}

func (silent) Show(context.Context, string) (ledger.ShowReply, error) {
	return ledger.ShowReply{}, ledger.ErrDown
}

func (silent) Audit(context.Context, string) (ledger.Audit, error) {
	return ledger.Audit{}, ledger.ErrDown
}

func (silent) Change(context.Context, string, ledger.ChangeRequest) (ledger.Head, error) {
	return ledger.Head{}, ledger.ErrDown
}

func (silent) Create(context.Context, string, ledger.CreateRequest) (ledger.Head, error) {
	return ledger.Head{}, ledger.ErrDown
}

func (silent) Edit(context.Context, string, ledger.EditRequest) (ledger.Head, error) {
	return ledger.Head{}, ledger.ErrDown
}

func (silent) Unit(context.Context, string, uint64, uint32, ledger.Claim) (ledger.UnitReply, error) {
	return ledger.UnitReply{}, ledger.ErrDown
}

func (silent) Remove(context.Context, string) error { return ledger.ErrDown }

func (silent) List(context.Context) ([]string, error) { return nil, ledger.ErrDown }

func (silent) Born(context.Context, uint64) (ledger.Found, error) {
	return ledger.Found{}, ledger.ErrDown
}

func (silent) Willing(context.Context) error { return ledger.ErrDown }

func (silent) Entries(context.Context, string, int) ([]ledger.Entry, error) {
	return nil, ledger.ErrDown
}
