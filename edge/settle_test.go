package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"spike/edge/answer"
	"spike/edge/buy"
	"spike/edge/identity"
	"spike/edge/internal/storetest"
	"spike/edge/sales"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// buys sends one buy as a known buyer, under a key.
func (s *Server) buys(t testing.TB, uri, who, key string) (status int, body string) {
	t.Helper()
	ctx := from(t, mustReceive(t, keyedRequest(uri, who, key)))
	s.handle(ctx)
	return ctx.Response.StatusCode(), string(ctx.Response.Body())
}

func keyedRequest(uri, who, key string) string {
	lines := "GET " + uri + " HTTP/1.1\r\nHost: a\r\n"
	for name, value := range map[string]string{"X-Buyer-Id": who, "Idempotency-Key": key} {
		if value != "" {
			lines += name + ": " + value + "\r\n"
		}
	}
	return lines + "\r\n"
}

// wonToken is the token of the answer, or "".
func wonToken(body string) string {
	var won struct {
		Code int
		Data struct{ Token string }
	}
	if json.Unmarshal([]byte(body), &won) != nil || won.Code != answer.CodeWon {
		return ""
	}
	return won.Data.Token
}

var timeLeft = regexp.MustCompile(`"expires_in_ms":\d+,`)

// timeless is an answer without the time that is left, which is less each time that a buyer asks.
func timeless(body string) string { return timeLeft.ReplaceAllString(body, "") }

// settlingEdge is an edge over an embedded store, in virtual time. The store's clock may be ahead of the edge's.
type settlingEdge struct {
	*Server
	store *forgetful
	ahead atomic.Int64
}

// forgetful is a store that does not answer offers, even if it takes them.
type forgetful struct {
	*memory.Store
	silent atomic.Bool // it does not answer offers
	deaf   atomic.Bool // it does not take them either
	slow   atomic.Bool // it is slow to answer anything

	deducts, revisions atomic.Int64
}

func (f *forgetful) Deduct(ctx context.Context, sale string, q ledger.DeductRequest) (ledger.DeductReply, error) {
	return ledger.One(f.DeductEach(ctx, sale, []ledger.DeductRequest{q}))
}

func (f *forgetful) DeductEach(ctx context.Context, sale string, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	f.deducts.Add(1)
	if f.slow.Load() {
		time.Sleep(time.Second / 2)
	}
	offers := slices.ContainsFunc(qs, func(q ledger.DeductRequest) bool { return q.Offer.Count > 0 })
	if offers && f.deaf.Load() {
		return nil, ledger.ErrDown
	}
	out, err := f.Store.DeductEach(ctx, sale, qs)
	if offers && f.silent.Load() {
		return nil, ledger.ErrDown
	}
	return out, err
}

func withSettling(t *testing.T, f func(t *testing.T, s *settlingEdge)) {
	withSettlingAck(t, AckEdge, f)
}

func withSettlingAck(t *testing.T, ack Ack, f func(t *testing.T, s *settlingEdge)) {
	synctest.Test(t, func(t *testing.T) {
		s := &settlingEdge{}
		s.store = &forgetful{Store: memory.New(ledger.DefaultBounds(), func() time.Time {
			return time.Now().Add(time.Duration(s.ahead.Load()))
		})}
		cfg := testConfig()
		cfg.Trusted, cfg.Ack = identity.TrustedByDefault(), ack
		s.Server = testServer(t, cfg, s.store)
		s.sales.Running.Start(s.sales.Listen)
		f(t, s)
	})
}

func (s *settlingEdge) create(t *testing.T, sale string, q ledger.CreateRequest) {
	t.Helper()
	time.Sleep(time.Microsecond)
	if _, err := s.store.Create(context.Background(), sale, q); err != nil {
		t.Fatal(err)
	}
}

func (s *settlingEdge) audit(t *testing.T, sale string) ledger.Audit {
	t.Helper()
	a, err := s.store.Audit(context.Background(), sale)
	if err != nil || !a.OK {
		t.Fatalf("%+v %v", a, err)
	}
	return a
}

// If the store's clock jumps, the edge believes it.
func TestStoresClockJumps(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		s.create(t, "lim", ledger.CreateRequest{Total: 10, Hold: time.Hour, Limit: 2})
		s.create(t, "open", ledger.CreateRequest{Total: 10, Hold: time.Hour})
		for i, jump := range []time.Duration{0, 5 * time.Second, -time.Minute, time.Hour} {
			s.ahead.Store(int64(jump))
			who := fmt.Sprint("ann", i)
			if _, body := s.buys(t, "/buy/lim", who, ""); wonToken(body) == "" {
				t.Errorf("%v: %s", jump, body)
			}
			if _, body := s.buys(t, "/buy/open", who, "k"); wonToken(body) == "" {
				t.Errorf("%v: %s", jump, body)
			}
			time.Sleep(5 * time.Second) // the Keepers rest
		}
	})
}

// A sale was removed and made again. A buyer with a key gets a unit of the new sale, and nothing of the old sale goes on.
func TestSaleMadeAnewUnderKeyedBuyers(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		var old []*sales.Sale
		for i := range 3 {
			s.create(t, "a", ledger.CreateRequest{Total: 10, Hold: time.Second, Limit: 1})
			if status, body := s.buys(t, "/buy/a", "ann", fmt.Sprint("key", i)); wonToken(body) == "" {
				t.Errorf("%d: %d %s", i, status, body)
			}
			old = append(old, s.sales.Get([]byte("a")))
			time.Sleep(5 * time.Second) // the hold is over, and its Keeper rests
			if err := s.store.Remove(context.Background(), "a"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		s.create(t, "a", ledger.CreateRequest{Total: 10, Hold: time.Minute})
		s.buys(t, "/buy/a", "ann", "another")
		time.Sleep(time.Second)
		synctest.Wait()
		for i, sale := range old {
			if v := sale.Verdict(); v == nil || sale == s.sales.Get([]byte("a")) {
				t.Errorf("sale %d is still kept: %+v", i, v)
			}
		}
	})
}

// An offer whose answer is lost becomes its key's answer, or its unit goes back. No unit is sold to nobody.
func TestLostOffersFindTheirKey(t *testing.T) {
	for name, fail := range map[string]func(*forgetful, bool){
		"done, not answered": func(f *forgetful, on bool) { f.silent.Store(on) },
		"not done":           func(f *forgetful, on bool) { f.deaf.Store(on) },
	} {
		t.Run(name, func(t *testing.T) {
			withSettling(t, func(t *testing.T, s *settlingEdge) {
				s.create(t, "a", ledger.CreateRequest{Total: 3}) // no hold: nothing comes back by itself
				_, first := s.buys(t, "/buy/a", "", "")          // and the edge has all on lease
				time.Sleep(50 * time.Millisecond)
				for s.store.mustShow(t, "a").Free > 0 {
					if _, body := s.buys(t, "/buy/a", "", ""); wonToken(body) == "" {
						t.Fatal(body)
					}
					time.Sleep(50 * time.Millisecond)
				}
				before := s.audit(t, "a")
				fail(s.store, true)
				if status, body := s.buys(t, "/buy/a", "ann", "key"); status != 503 {
					t.Fatalf("%d %s", status, body)
				}
				time.Sleep(time.Second)
				fail(s.store, false)
				time.Sleep(time.Second)
				_, won := s.buys(t, "/buy/a", "ann", "key")
				_, again := s.buys(t, "/buy/a", "ann", "key")
				time.Sleep(time.Second)
				if a := s.audit(t, "a"); wonToken(won) == "" || won != again || a.Pending != before.Pending+1 {
					t.Errorf("%s\n%s\n%+v, before %+v, first %s", won, again, a, before, first)
				}
			})
		})
	}
}

// mustShow is Show, which must succeed.
func (f *forgetful) mustShow(t *testing.T, sale string) ledger.ShowReply {
	t.Helper()
	r, err := f.Show(context.Background(), sale)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A repeat that comes while the key's first buy is at the store gets the same answer.
func TestKeyInFlight(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		s.create(t, "a", ledger.CreateRequest{Total: 3, Hold: time.Minute})
		s.store.slow.Store(true)
		var first string
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, first = s.buys(t, "/buy/a", "ann", "k")
		}()
		synctest.Wait() // the buy is at the store
		_, again := s.buys(t, "/buy/a", "ann", "k")
		<-ended
		if wonToken(first) == "" || timeless(again) != timeless(first) || s.audit(t, "a").Pending != 1 {
			t.Errorf("%s, first %s", again, first)
		}
	})
}

// All answers of a sale with a limit: no buyer, won, over the limit with the buyer's own unit, none now, and back again.
func TestLimitedSale(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		s.create(t, "lim", ledger.CreateRequest{Total: 2, Hold: time.Minute, Limit: 1})
		if status, body := s.buys(t, "/buy/lim", "", ""); status != 401 || !strings.Contains(body, "no_buyer") {
			t.Errorf("%d %s", status, body)
		}
		_, ann := s.buys(t, "/buy/lim", "ann", "")
		_, more := s.buys(t, "/buy/lim", "ann", "")
		if wonToken(ann) == "" || !strings.Contains(more, `"code":-4`) || !strings.Contains(more, wonToken(ann)) {
			t.Errorf("%s\n%s", ann, more)
		}
		if _, two := s.buys(t, "/buy/lim?n=2", "bob", ""); !strings.Contains(two, `"code":-8`) || strings.Contains(two, "token") {
			t.Error(two)
		}
		_, bob := s.buys(t, "/buy/lim", "bob", "")
		if status, none := s.buys(t, "/buy/lim", "eve", ""); wonToken(bob) == "" || !strings.Contains(none, `"code":-1`) {
			t.Errorf("%s\n%d %s", bob, status, none)
		}
		token, err := s.signer.Parse([]byte(wonToken(bob)))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		if _, err := s.store.Cancel(context.Background(), "lim", token.Birth, token.Claim); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if _, eve := s.buys(t, "/buy/lim", "eve", ""); wonToken(eve) == "" {
			t.Error(eve)
		}
	})
}

// Many find sales at the same time, for the race detector.
func TestSalesAreFoundByMany(t *testing.T) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 100, 0))
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if sale, err := s.sales.Find("ticket"); err != nil || sale.Name != "ticket" {
				t.Error(sale, err)
			}
		})
	}
	all.Wait()
}

// Row D19: a buy of more units than one buyer may ever have gets another answer than "you have as many as one buyer may have".
func TestD19MoreThanOneBuyerMayEverHave(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		s.create(t, "lim", ledger.CreateRequest{Total: 100, Hold: time.Minute, Limit: 2})
		const never = `{"code":-8,"msg":"超过每人限购数量","data":{"sale":"lim","limit_per_buyer":2}}`
		for _, c := range []struct {
			n             int
			who, key      string
			status        int
			begins, tells string
		}{
			{3, "ann", "", 200, never, ""},
			{3, "ann", "key-one", 200, never, ""},
			{3, "ann", "key-one", 200, never, ""}, // the same answer again
			{2, "ann", "key-one", 422, "", "key_used"},
			{100, "bob", "", 200, never, ""},
			{1, "bob", "key-two", 200, `{"code":1,`, ""},
			{3, "bob", "key-two", 422, "", "key_used"},
			{2, "bob", "", 200, `{"code":-4,`, `"token":`}, // what a buyer without units could have
			{3, "bob", "", 200, never, ""},
			{3, "", "", 401, "", "no_buyer"},
			{2, "ann", "", 200, `{"code":1,`, ""},
		} {
			status, body := s.buys(t, fmt.Sprint("/buy/lim?n=", c.n), c.who, c.key)
			if status != c.status || !strings.HasPrefix(body, c.begins) || !strings.Contains(body, c.tells) {
				t.Errorf("%+v: %d %s", c, status, body)
			}
		}
		if n := s.sales.Get([]byte("lim")).Tally.Read(uint8(buy.TooMuch)); n != 5 {
			t.Errorf("%d are counted", n)
		}
		if a, err := s.store.Audit(t.Context(), "lim"); err != nil || a.Pending != 3 {
			t.Errorf("%+v %v", a, err)
		}
	})
}

// While nothing is left, a loser with a key needs no Deduct, nor any call once the sale is sold out for good. Whoever may have
// won, on this edge or on another one, asks the ledger and hears the first answer.
func TestLosersWithKeysAskNobody(t *testing.T) {
	withSettling(t, func(t *testing.T, s *settlingEdge) {
		s.create(t, "a", ledger.CreateRequest{Total: 3, Hold: time.Minute, Limit: 2})
		elsewhere := func(buyer, key string, nonce uint64) ledger.DeductReply {
			ctx := from(t, mustReceive(t, keyedRequest("/buy/a", buyer, key)))
			who, err := s.who.Identify(&ctx.Request.Header, ctx.RemoteAddr())
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.store.Store.Deduct(context.Background(), "a", ledger.DeductRequest{N: 1, Nonce: nonce, Buyer: who.Buyer,
				Key: who.Key})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		_, first := s.buys(t, "/buy/a", "ann", "key-of-ann")
		bob := elsewhere("bob", "key-of-bob", 1)
		_, last := s.buys(t, "/buy/a", "cid", "key-of-cid")
		_, none := s.buys(t, "/buy/a", "eve", "key-of-eve")
		time.Sleep(50 * time.Millisecond) // the Keeper looks
		deducts := s.store.deducts.Load()
		for i := range 20 {
			_, body := s.buys(t, "/buy/a", fmt.Sprint("loser", i), "key-of-loser")
			if !strings.Contains(body, `"code":-1`) || body != none {
				t.Errorf("%s, not %s", body, none)
			}
		}
		if more := s.store.deducts.Load() - deducts; more != 0 {
			t.Errorf("20 losers: %d calls", more)
		}
		_, again := s.buys(t, "/buy/a", "ann", "key-of-ann")
		_, lastAgain := s.buys(t, "/buy/a", "cid", "key-of-cid")
		if timeless(again) != timeless(first) || timeless(lastAgain) != timeless(last) || wonToken(first) == "" ||
			wonToken(last) == "" {
			t.Errorf("%s\n%s\n%s\n%s", first, again, last, lastAgain)
		}
		of := func(body string) ledger.Claim {
			token, err := s.signer.Parse([]byte(wonToken(body)))
			if err != nil {
				t.Fatal(body, err)
			}
			return token.Claim
		}
		if c := of(s.bought(t, "/buy/a", "bob", "key-of-bob")); c != bob.Claim {
			t.Errorf("%+v, bought elsewhere: %+v", c, bob.Claim)
		}
		if _, body := s.buys(t, "/buy/a?n=2", "bob", "other-key-of-bob"); !strings.Contains(body, `"code":-4`) {
			t.Error("at its limit:", body)
		}

		// A unit comes back, and is bought elsewhere, before this edge can know.
		if _, err := s.store.Cancel(context.Background(), "a", bob.Birth, of(first)); err != nil {
			t.Fatal(err)
		}
		eve := elsewhere("eve", "key-of-eve", 2)
		if body := s.bought(t, "/buy/a", "eve", "key-of-eve"); wonToken(body) == "" || eve.Answer != ledger.Granted {
			t.Error("a repeat on another edge:", body)
		}
		for _, c := range []ledger.Claim{bob.Claim, eve.Claim, of(last)} {
			if _, err := s.store.Confirm(context.Background(), "a", bob.Birth, c); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Second)
		s.buys(t, "/buy/a", "loser", "key-of-loser")
		time.Sleep(50 * time.Millisecond)            // the Keeper looks
		s.buys(t, "/buy/a", "loser", "key-of-loser") // this edge looks for answers, for the last time
		deducts, revisions := s.store.deducts.Load(), s.store.revisions.Load()
		for i := range 20 {
			if _, body := s.buys(t, "/buy/a", fmt.Sprint("loser", i), "key-of-loser"); !strings.Contains(body, `"code":-1`) {
				t.Error(body)
			}
		}
		if s.store.deducts.Load() != deducts || s.store.revisions.Load() != revisions {
			t.Errorf("20 losers of a sale that is sold out: %d and %d calls", s.store.deducts.Load()-deducts,
				s.store.revisions.Load()-revisions)
		}
		if body := s.bought(t, "/buy/a", "eve", "key-of-eve"); wonToken(body) == "" {
			t.Error("a repeat of a sale that is sold out:", body)
		}
	})
}

func (s *settlingEdge) bought(t *testing.T, uri, buyer, key string) string {
	t.Helper()
	_, body := s.buys(t, uri, buyer, key)
	return body
}

func (f *forgetful) Revision(ctx context.Context, sale string) (string, error) {
	f.revisions.Add(1)
	return f.Store.Revision(ctx, sale)
}
