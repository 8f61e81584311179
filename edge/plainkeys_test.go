package edge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// keyWorld is two edges that have sold the two units of a sale to ann and bob under keys: one here, one elsewhere.
type keyWorld struct {
	store           *secretive
	here, elsewhere *Server
	sale            string
}

func newKeyWorld(t *testing.T, limit uint32) *keyWorld {
	t.Helper()
	cfg := testConfig()
	cfg.Trusted = identity.TrustedByDefault()
	store := &secretive{Store: memory.New(cfg.Bounds, time.Now)}
	w := &keyWorld{store, testServer(t, cfg, store), testServer(t, cfg, store), "ticket"}
	if _, err := store.Create(t.Context(), w.sale, ledger.CreateRequest{Total: 2, Hold: time.Hour, Limit: limit}); err != nil {
		t.Fatal(err)
	}
	if !w.wins(t, w.here, "ann") || !w.wins(t, w.elsewhere, "bob") {
		t.Fatal("there are two units, and not both are won")
	}
	for end := time.Now().Add(10 * time.Second); !w.denies("eve", "1"); time.Sleep(time.Millisecond) {
		if w.wins(t, w.here, "eve") || time.Now().After(end) {
			t.Fatal("nothing is left, and a loser is not told so on the fast path")
		}
	}
	return w
}

// wins sends a buy under the buyer's key 1 through fasthttp's handler.
func (w *keyWorld) wins(t *testing.T, s *Server, who string) bool {
	_, body := s.buys(t, "/buy/"+w.sale, who, "1")
	return wonToken(body) != ""
}

// denies says whether the fast path here answers a buy. While nothing is left, its only answer is no.
func (w *keyWorld) denies(who, key string) bool {
	used, _ := w.here.answerPlain(near, []byte(keyedRequest("/buy/"+w.sale, who, key)), nil)
	return used > 0
}

// winElsewhere has a buyer win a new unit, of which the edge here hears nothing.
func (w *keyWorld) winElsewhere(t *testing.T, who, key string) {
	t.Helper()
	is, err := w.here.who.IdentifyPlain([]byte(who), []byte(key), near)
	if err != nil {
		t.Fatal(err)
	}
	q := ledger.DeductRequest{N: 1, Nonce: 1, Buyer: is.Buyer, Key: is.Key}
	q.Birth = w.here.sales.All()[w.sale].Birth
	for range 100 { // an edge may lease the unit first
		more := ledger.ChangeRequest{Request: fmt.Sprint(rand.Int64()), Add: 1}
		if _, err = w.store.Change(t.Context(), w.sale, more); err != nil {
			t.Fatal(err)
		}
		if out, err := w.store.DeductEach(t.Context(), w.sale, []ledger.DeductRequest{q}); err != nil || out[0].Err != nil {
			t.Fatal(out, err)
		} else if out[0].Answer == ledger.Granted {
			return
		}
	}
	t.Fatal("no unit can be had elsewhere")
}

// A loser under a key hears on the fast path that nothing is left. A key that has an answer is left to fasthttp. So is a buyer
// who may have won within a limit. Both hold even if another edge has sold to them since the last look.
func TestFastPathDeniesNoWinUnderAKey(t *testing.T) {
	for _, limit := range []uint32{0, 1} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			w := newKeyWorld(t, limit)
			for _, who := range []string{"ann", "bob"} {
				if w.denies(who, "1") || w.denies(who, "2") != (limit == 0) {
					t.Errorf("%s: its key is denied, or its other key is not", who)
				}
				if !w.wins(t, w.here, who) {
					t.Errorf("%s has won, and does not hear of it again", who)
				}
			}
			w.winElsewhere(t, "joe", "1")
			if w.denies("joe", "1") {
				t.Error("joe has won elsewhere, and is denied here")
			}
		})
	}
}

// While the store does not say what has changed, the fast path denies nobody, and does not look again for each buy.
func TestFastPathDeniesNobodyUnlooked(t *testing.T) {
	w := newKeyWorld(t, 0)
	w.store.mute.Store(true)
	if w.denies("sue", "1") {
		t.Error("nobody knows whether sue has won, and she is denied")
	}
	if looks := w.store.asked.Load(); w.denies("sue", "1") || w.store.asked.Load() != looks {
		t.Error("after a look that failed a buy waits for another one on the fast path")
	}
	w.store.mute.Store(false)
	if w.wins(t, w.here, "sue") || !w.denies("sue", "1") {
		t.Error("the store says again that nothing has changed, and sue is not denied")
	}
}

// A key that its buyer may not use, and a name that nobody may believe, are told from the bytes as fasthttp's way tells them.
func TestFastPathBelievesWhomItMay(t *testing.T) {
	w := newKeyWorld(t, 0)
	long := strings.Repeat("k", 22)
	for _, c := range []struct {
		far      bool
		who, key string
		denied   bool
	}{
		{false, "eve", "1", true}, {false, "eve", strings.Repeat("k", 255), true}, {false, "eve", strings.Repeat("k", 256), false},
		{false, "eve", "a b", false}, {false, "", long[1:], false}, {false, "", long, true}, {false, "", "\"" + long[1:] + "\"", false},
		{true, "eve", "1", false}, {true, "eve", long, true}, {true, "ann", "1", false},
	} {
		peer := near
		if c.far {
			peer = far
		}
		used, _ := w.here.answerPlain(peer, []byte(keyedRequest("/buy/"+w.sale, c.who, c.key)), nil)
		if (used > 0) != c.denied {
			t.Errorf("%+v: %d bytes used", c, used)
		}
	}
}

// secretive is a store that can stop telling what has changed.
type secretive struct {
	ledger.Store
	mute  atomic.Bool
	asked atomic.Int64
}

func (s *secretive) Revision(ctx context.Context, sale string) (string, error) {
	s.asked.Add(1)
	if s.mute.Load() {
		return "", ledger.ErrDown
	}
	return s.Store.Revision(ctx, sale)
}
