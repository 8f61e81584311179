package edge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
	"spike/edge/buy"
	"spike/edge/identity"
	"spike/edge/sales"
	"spike/edge/token"
	"spike/luascripts/ledger"
)

const lotsSeed = "000102030405060708090a0b0c0d0e0f"

// withLots makes a sale whose first units go by lot, and an edge that sells it, in virtual time.
func withLots(t *testing.T, q ledger.CreateRequest, f func(t *testing.T, s *settlingEdge)) {
	withLotsAck(t, AckEdge, q, f)
}

func withLotsAck(t *testing.T, ack Ack, q ledger.CreateRequest, f func(t *testing.T, s *settlingEdge)) {
	withSettlingAck(t, ack, func(t *testing.T, s *settlingEdge) {
		q.Shuffle, q.Seed = 5*time.Second, lotsSeed
		if _, err := s.store.Create(t.Context(), "ticket", q); err != nil {
			t.Fatal(err)
		}
		f(t, s)
	})
}

// lotAnswer is an answer to a buy, or to a look at a ticket.
type lotAnswer struct {
	status int
	retry  string
	Code   any
	State  string
	Serial uint32
	Token  string
	Detail string
	Data   struct {
		Claim, Token string
		DrawsAt      time.Time `json:"draws_at"`
		OpensAt      time.Time `json:"opens_at"`
	}
	Claim   string
	DrawsAt time.Time `json:"draws_at"`
}

func (s *settlingEdge) hears(t *testing.T, method, uri, who string) (a lotAnswer) {
	t.Helper()
	lines := method + " " + uri + " HTTP/1.1\r\nHost: a\r\n"
	if who != "" {
		lines += "X-Buyer-Id: " + who + "\r\n"
	}
	ctx := from(t, mustReceive(t, lines+"\r\n"))
	s.handle(ctx)
	if err := json.Unmarshal(ctx.Response.Body(), &a); err != nil {
		t.Fatalf("%s: %q: %v", uri, ctx.Response.Body(), err)
	}
	a.status, a.retry = ctx.Response.StatusCode(), string(ctx.Response.Header.Peek(fasthttp.HeaderRetryAfter))
	return a
}

func (s *settlingEdge) buysLot(t *testing.T, who string) lotAnswer {
	return s.hears(t, "GET", "/buy/ticket", who)
}

func (s *settlingEdge) polls(t *testing.T, claim string) lotAnswer {
	return s.hears(t, "GET", "/v1/reservations/"+claim, "")
}

// claims enters so many buyers, and returns their tickets.
func (s *settlingEdge) claims(t *testing.T, n int) []string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		a := s.buysLot(t, fmt.Sprint("b", i))
		if a.status != 200 || a.Code != float64(answer.CodeEntered) || len(a.Data.Claim) != token.TicketLen {
			t.Fatalf("%+v", a)
		}
		list[i] = a.Data.Claim
	}
	return list
}

func (s *settlingEdge) audited(t *testing.T, pending uint64) {
	t.Helper()
	if a, err := s.store.Audit(t.Context(), "ticket"); err != nil || !a.OK || a.Pending != pending {
		t.Errorf("%+v %v, want %d pending", a, err, pending)
	}
}

func TestLots(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 3, Hold: time.Minute}, func(t *testing.T, s *settlingEdge) {
		claims := s.claims(t, 10)
		if a := s.buysLot(t, "b3"); a.Data.Claim != claims[3] || a.retry != "5" {
			t.Errorf("again: %+v", a)
		}
		v1 := s.hears(t, "POST", "/v1/sales/ticket/reservations", "b3")
		if v1.status != 202 || v1.State != "waiting" || v1.Claim != claims[3] || v1.retry != "5" {
			t.Errorf("v1: %+v", v1)
		}
		if _, body := s.buys(t, "/buy/ticket", "b3", "key"); !strings.Contains(body, claims[3]) || s.store.deducts.Load() != 0 {
			t.Errorf("under a key: %d Deducts, %s", s.store.deducts.Load(), body)
		}
		time.Sleep(2500 * time.Millisecond)
		if a := s.polls(t, claims[0]); a.status != 202 || a.State != "waiting" || a.retry != "3" || !a.DrawsAt.Equal(v1.DrawsAt) {
			t.Errorf("poll: %+v", a)
		}
		if a := s.buysLot(t, ""); a.status != 401 || a.Code != "no_buyer" {
			t.Errorf("nobody: %+v", a)
		}
		if a := s.hears(t, "GET", "/buy/ticket?n=2", "b3"); a.status != 400 || a.Code != "bad_n" {
			t.Errorf("two: %+v", a)
		}
		time.Sleep(time.Until(v1.DrawsAt) + 100*time.Millisecond)
		for i, first := range s.pollAll(t, claims, 3) {
			if again := s.polls(t, claims[i]); again.Token != first.Token || again.Serial != first.Serial {
				t.Errorf("%d: %+v, then %+v", i, first, again)
			}
		}
		if sale := s.sales.Get([]byte("ticket")); sale.Tally.Read(uint8(buy.Entered)) != 13 || sale.Tally.Read(uint8(buy.Won)) != 3 {
			t.Errorf("entered %d, won %d", sale.Tally.Read(uint8(buy.Entered)), sale.Tally.Read(uint8(buy.Won)))
		}
		if sale := s.sales.Get([]byte("ticket")); sale.Entrants.Has(identity.BuyerOf([]byte("b3")), sale.View().Era) {
			t.Error("who has entered is still remembered")
		}
		s.audited(t, 3)
	})
}

// pollAll polls every ticket, and returns the answers of the winners, which must be so many.
func (s *settlingEdge) pollAll(t *testing.T, claims []string, winners int) map[int]lotAnswer {
	t.Helper()
	won, serials := map[int]lotAnswer{}, map[uint32]bool{}
	for i, claim := range claims {
		switch a := s.polls(t, claim); {
		case a.status == 200 && a.State == "pending" && len(a.Token) == token.Len && a.Serial > 0:
			won[i], serials[a.Serial] = a, true
		case a.status != 200 || a.State != "lost" || a.Detail != "the lot has not won; what is left goes to whoever comes first" ||
			a.Token != "":
			t.Errorf("claim %d: %+v", i, a)
		}
	}
	if len(won) != winners || len(serials) != winners {
		t.Errorf("%d won %d serials, want %d", len(won), len(serials), winners)
	}
	return won
}

// drawn waits for the draw, and until every edge knows it.
func drawn() { time.Sleep(5*time.Second + 100*time.Millisecond) }

// A winner that buys again gets its own unit, as a winner that polls does. The others hear that there may be more, and get no
// unit.
func TestWinnersMayBuyAgain(t *testing.T) {
	for _, c := range []struct {
		limit uint32
		ack   Ack
		key   string
	}{{0, AckEdge, ""}, {0, AckRedis, ""}, {2, AckEdge, ""}, {0, AckEdge, "again"}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			withLotsAck(t, c.ack, ledger.CreateRequest{Total: 4, Hold: time.Minute, Limit: c.limit}, func(t *testing.T, s *settlingEdge) {
				claims := s.claims(t, 10)
				drawn()
				winners := map[int]string{}
				for i := range claims {
					status, body := s.buys(t, "/buy/ticket", fmt.Sprint("b", i), c.key)
					if token := wonToken(body); token != "" {
						winners[i] = token
					} else if status != 200 || !strings.Contains(body, `"code":-1`) {
						t.Errorf("%d: %d %s", i, status, body)
					}
				}
				for i, a := range s.pollAll(t, claims, 4) {
					if winners[i] != a.Token {
						t.Errorf("%d: bought %q, polled %q", i, winners[i], a.Token)
					}
				}
				s.audited(t, 4)
			})
		})
	}
}

// A winner that has cancelled its unit buys as everybody does, and gets no dead token.
func TestWinnerWhoCancels(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 2, Hold: time.Minute}, func(t *testing.T, s *settlingEdge) {
		s.claims(t, 2)
		drawn()
		_, body := s.buys(t, "/buy/ticket", "b0", "")
		token := wonToken(body)
		if again, told := s.buys(t, "/buy/ticket", "b0", ""); again != 200 || token == "" || wonToken(told) != token {
			t.Fatalf("%s, then %s", body, told)
		}
		if a := s.hears(t, "POST", "/v1/reservations/"+token+"/cancel", "b0"); a.State != "cancelled" {
			t.Fatalf("%+v", a)
		}
		if _, told := s.buys(t, "/buy/ticket", "b0", ""); wonToken(told) == token {
			t.Errorf("told its cancelled token: %s", told)
		}
	})
}

// Any buyer may buy units that are not kept, entered or not, named or not.
func TestWhatIsNotKeptIsForWhoeverComes(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 5, Hold: time.Minute}, func(t *testing.T, s *settlingEdge) {
		claims := s.claims(t, 2)
		drawn()
		for i := range 3 {
			if a := s.buysLot(t, ""); a.Code != float64(answer.CodeWon) {
				t.Errorf("%d: %+v", i, a)
			}
		}
		time.Sleep(time.Second)
		if a := s.buysLot(t, "late"); a.Code != float64(answer.CodeSoldOut) || a.retry != "1" {
			t.Errorf("%+v", a)
		}
		s.audited(t, 3)
		s.pollAll(t, claims, 2)
		s.audited(t, 5)
	})
}

func TestUncollectedLotsExpire(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 1, Hold: 20 * time.Second}, func(t *testing.T, s *settlingEdge) {
		claims := s.claims(t, 2)
		drawn()
		if a := s.buysLot(t, "late"); a.Code != float64(answer.CodeSoldOut) || a.retry != "1" {
			t.Errorf("%+v", a)
		}
		for range 50 { // ledger time passes with calls
			time.Sleep(500 * time.Millisecond)
			s.buysLot(t, "")
		}
		states := map[string]int{}
		for _, claim := range claims {
			states[s.polls(t, claim).State]++
		}
		if states["expired"] != 1 || states["lost"] != 1 {
			t.Errorf("%v", states)
		}
		s.audited(t, 1)
	})
}

func TestPausedAndClosedLots(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 2, Hold: time.Minute}, func(t *testing.T, s *settlingEdge) {
		claims := s.claims(t, 2)
		change := func(to string) {
			if _, err := s.store.Change(t.Context(), "ticket", ledger.ChangeRequest{To: to}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		change("paused")
		if a := s.buysLot(t, "late"); a.Code != float64(answer.CodePaused) || a.retry != "1" {
			t.Errorf("paused: %+v", a)
		}
		drawn()
		if a := s.polls(t, claims[0]); a.status != 202 || a.State != "waiting" || a.retry != "1" {
			t.Errorf("paused: %+v", a)
		}
		change("open")
		a := s.polls(t, claims[0])
		for range 5 { // an edge that has not looked since the draw says "waiting", and looks
			if a.State == "waiting" {
				time.Sleep(time.Second)
				a = s.polls(t, claims[0])
			}
		}
		if a.State != "pending" {
			t.Errorf("open again: %+v", a)
		}
		change("closed")
		if a := s.polls(t, claims[0]); a.State != "pending" || a.Token == "" {
			t.Errorf("closed, collected before: %+v", a)
		}
		if a := s.polls(t, claims[1]); a.State != "expired" {
			t.Errorf("closed: %+v", a)
		}
	})
}

// Any edge answers about a ticket.
func TestAnotherEdgeKnowsTheClaim(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 1, Hold: time.Minute}, func(t *testing.T, s *settlingEdge) {
		claims := s.claims(t, 3)
		other := &settlingEdge{store: s.store, Server: testServer(t, s.cfg, s.store)}
		if a := other.polls(t, claims[0]); a.status != 202 || a.State != "waiting" {
			t.Errorf("%+v", a)
		}
		drawn()
		other.pollAll(t, claims, 1)
		s.pollAll(t, claims, 1)
		s.audited(t, 1)
	})
}

// An edge that rested through the draw finds a winner's unit, too.
func TestRestedEdgeFindsTheLot(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		q := ledger.CreateRequest{Total: 1, Hold: time.Minute, Limit: 1, Shuffle: 5 * time.Second,
			Opens: time.Now().Add(10 * time.Second)}
		if _, err := s.store.Create(t.Context(), "ticket", q); err != nil {
			t.Fatal(err)
		}
		rested := &settlingEdge{store: s.store, Server: testServer(t, s.cfg, s.store)}
		rested.buysLot(t, "b0") // too early: the answer says when the sale opens
		time.Sleep(11 * time.Second)
		s.claims(t, 1)
		drawn()
		if status, body := rested.buys(t, "/buy/ticket", "b0", "key"); wonToken(body) == "" {
			t.Errorf("%d %s", status, body)
		}
		s.audited(t, 1)
	})
}

// An edge whose view is older than the draw does not sell by it. It enters nobody, and draws.
func TestBuyThatComesWithTheDraw(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 3, Hold: time.Minute}, func(t *testing.T, s *settlingEdge) {
		s.claims(t, 1)
		for at := range 12 { // the store's clock passes, and ledger time passes with other callers
			s.ahead.Store(int64(time.Duration(at+1) * 500 * time.Millisecond))
			if _, err := s.store.Expire(t.Context(), "ticket", 1); err != nil {
				t.Error(err)
			}
		}
		if a := s.buysLot(t, "late"); a.Code != float64(answer.CodeWon) {
			t.Errorf("%+v", a)
		}
		time.Sleep(time.Second) // settled by then
		s.audited(t, 1)
	})
}

// P16: a buyer under a key who comes with the draw takes one permit to wait, not two.
func TestP16KeyedBuyThatComesWithTheDrawWaitsOnce(t *testing.T) {
	withLots(t, ledger.CreateRequest{Total: 3, Hold: time.Minute}, func(t *testing.T, s *settlingEdge) {
		s.claims(t, 1)
		for at := range 12 {
			s.ahead.Store(int64(time.Duration(at+1) * 500 * time.Millisecond))
			if _, err := s.store.Expire(t.Context(), "ticket", 1); err != nil {
				t.Error(err)
			}
		}
		sale := s.sales.Get([]byte("ticket"))
		for range sales.MaxWaiting - 1 {
			sale.Wait()
		}
		if status, body := s.buys(t, "/buy/ticket", "late", "key"); status != 200 || !strings.Contains(body, `"code":1,`) {
			t.Errorf("%d %s", status, body)
		}
		if n := sale.Waiting(); n != sales.MaxWaiting-1 {
			t.Errorf("%d wait afterwards", n)
		}
	})
}

// Before the opening both formats say when the sale opens, in whole seconds by the store's clock.
func TestNotOpenSaysWhen(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		s.ahead.Store(int64(time.Hour))
		opens := time.Now().Add(time.Hour + 90*time.Second)
		if _, err := s.store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: 3, Opens: opens}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			wait  time.Duration
			retry string
			ms    string
		}{{0, "90", "90000"}, {500 * time.Millisecond, "90", "89500"}, {500 * time.Millisecond, "89", "89000"},
			{88*time.Second + 100*time.Millisecond, "1", "900"}} {
			time.Sleep(c.wait)
			a := s.buysLot(t, "")
			if a.status != 200 || a.Code != float64(answer.CodeUnopened) || !a.Data.OpensAt.Equal(opens) || a.retry != c.retry {
				t.Errorf("after %v: %+v", c.wait, a)
			}
			ctx := ask(s.Server, "POST", "/v1/sales/ticket/reservations")
			body, retry := string(ctx.Response.Body()), string(ctx.Response.Header.Peek(fasthttp.HeaderRetryAfter))
			if ctx.Response.StatusCode() != 425 || retry != c.retry || !strings.Contains(body, `"retry_after_ms":`+c.ms+`,"opens":`) {
				t.Errorf("after %v: %d %s %s", c.wait, ctx.Response.StatusCode(), retry, body)
			}
		}
		time.Sleep(time.Second)
		if a := s.buysLot(t, ""); a.Code != float64(answer.CodeWon) {
			t.Errorf("%+v", a)
		}
	})
}
