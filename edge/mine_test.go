package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/identity"
	"spike/edge/internal/storetest"
	"spike/luascripts/ledger"
)

const mineURI = "/v1/sales/lim/reservations/mine"

// limitedShop is an edge with a sale "lim" of ten units, of which a buyer may have five.
func limitedShop(t *testing.T, store ledger.Store) *Server {
	t.Helper()
	newLimited(t, store)
	cfg := testConfig()
	cfg.Trusted = identity.TrustedByDefault()
	return testServer(t, cfg, store)
}

func newLimited(t *testing.T, store ledger.Store) {
	t.Helper()
	if _, err := store.Create(t.Context(), "lim", ledger.CreateRequest{Total: 10, Hold: time.Hour, Limit: 5}); err != nil {
		t.Fatal(err)
	}
}

// says is the answer to a buyer: status, and body.
func (s *Server) says(method, uri, who string) (int, string) {
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(uri)
	ctx.Request.Header.Set("X-Buyer-Id", who)
	s.handle(ctx)
	return ctx.Response.StatusCode(), string(ctx.Response.Body())
}

// wins buys by /v1, and returns the answer.
func (s *Server) wins(t *testing.T, n int, who string) (body, token string) {
	t.Helper()
	status, body := s.says("POST", fmt.Sprintf("/v1/sales/lim/reservations?n=%d", n), who)
	var won struct{ Token string }
	if err := json.Unmarshal([]byte(body), &won); err != nil || status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	return body, won.Token
}

// A buyer finds each of its reservations as the win said it, with the very token, until it is paid or cancelled.
func TestMineIsWhatTheWinsSaid(t *testing.T) {
	s := limitedShop(t, storetest.Embedded(t, 1, 0))
	mine := func(want ...string) {
		t.Helper()
		got := struct{ Reservations []map[string]any }{}
		status, body := s.says("GET", mineURI, "ann")
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || len(got.Reservations) != len(want) {
			t.Fatalf("%d %s, want %d", status, body, len(want))
		}
		for i, one := range got.Reservations {
			var said map[string]any
			delete(one, "server_time")
			one["expires_in_ms"] = 3.6e6 // less by what has passed since the win
			if err := json.Unmarshal([]byte(want[i]), &said); err != nil || fmt.Sprint(one) != fmt.Sprint(said) {
				t.Errorf("%v, the win said %v", one, said)
			}
		}
	}
	mine()
	two, first := s.wins(t, 2, "ann")
	s.wins(t, 1, "bob")
	one, second := s.wins(t, 1, "ann")
	mine(two, one)
	b := newBearer(s)
	if got := b.does("confirm", first); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	mine(one)
	if got := b.does("cancel", second); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	mine()
	if status, body := s.says("GET", mineURI, "eve"); status != 200 || body != `{"reservations":[]}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestMethodsOfMine(t *testing.T) {
	s := limitedShop(t, storetest.Embedded(t, 1, 0))
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		if status, body := s.says(method, mineURI, "ann"); status != want {
			t.Errorf("%s: %d %s", method, status, body)
		}
	}
}

// unsure is a store that answers with err who asks for its own.
type unsure struct {
	ledger.Store
	err error
}

func (u unsure) Mine(context.Context, string, uint64, ledger.Buyer) (ledger.MineReply, error) {
	return ledger.MineReply{}, u.err
}

// What nobody knows is never "none".
func TestMineIsUndecidedWhereNobodyKnows(t *testing.T) {
	for name, err := range map[string]error{
		"no answer":      ledger.ErrDown,
		"a recovery":     &ledger.Refusal{Code: "RECOVERING"},
		"another sale":   &ledger.Refusal{Code: "BIRTH"},
		"another server": &ledger.Refusal{Code: "NOSALE", Era: 7},
	} {
		s := limitedShop(t, unsure{storetest.Embedded(t, 1, 0), err})
		if status, body := s.says("GET", mineURI, "ann"); status != 503 || !strings.Contains(body, `"code":"undecided"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	s := limitedShop(t, unsure{storetest.Embedded(t, 1, 0), &ledger.Refusal{Code: "FOREIGN", Why: "the hash is gone"}})
	if status, body := s.says("GET", mineURI, "ann"); status != 409 || !strings.Contains(body, `"code":"sale_refused"`) {
		t.Errorf("%d %s", status, body)
	}
}

// A sale that is made again under its name is another sale, and an edge that had the first finds it.
func TestMineOfTheSaleBefore(t *testing.T) {
	store := storetest.Embedded(t, 1, 0)
	s := limitedShop(t, store)
	s.wins(t, 1, "ann")
	if err := store.Remove(t.Context(), "lim"); err != nil {
		t.Fatal(err)
	}
	if status, body := s.says("GET", mineURI, "ann"); status != 404 || !strings.Contains(body, `"code":"no_such_sale"`) {
		t.Errorf("%d %s", status, body)
	}
	newLimited(t, store)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, body := s.says("GET", mineURI, "ann")
		if body == `{"reservations":[]}` {
			break
		}
		if status != 404 && status != 503 || time.Now().After(end) { // 404 while the name is believed to be missing
			t.Fatalf("%d %s", status, body)
		}
	}
}

// crowded is a store that counts who asks at a time.
type crowded struct {
	ledger.Store
	now, most, calls atomic.Int64
}

func (c *crowded) Mine(ctx context.Context, sale string, birth uint64, b ledger.Buyer) (ledger.MineReply, error) {
	c.calls.Add(1)
	now := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	time.Sleep(400 * time.Millisecond)
	return c.Store.Mine(ctx, sale, birth, b)
}

// However many buyers ask for their own, few of them call the store at a time. Who waits for a second hears 503.
func TestFewAskForTheirOwnAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &crowded{Store: storetest.Embedded(t, 1, 0)}
		s := limitedShop(t, store)
		s.wins(t, 1, "ann")
		var all sync.WaitGroup
		var answered [600]atomic.Int64
		for i := range 300 {
			all.Go(func() {
				status, _ := s.says("GET", mineURI, fmt.Sprint("b", i))
				answered[status].Add(1)
			})
		}
		all.Wait()
		if most, calls := store.most.Load(), store.calls.Load(); most != 64 || calls != 3*64 {
			t.Errorf("%d calls, %d at a time", calls, most)
		}
		if ok, busy := answered[200].Load(), answered[503].Load(); ok != 3*64 || ok+busy != 300 {
			t.Errorf("%d heard 200, %d 503", ok, busy)
		}
	})
}
