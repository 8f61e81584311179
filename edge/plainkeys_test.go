package edge

import (
	"bytes"
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

// denies says whether the fast path here says that nothing is left.
func (w *keyWorld) denies(who, key string) bool {
	_, said := w.here.answerPlain(near, []byte(keyedRequest("/buy/"+w.sale, who, key)), nil)
	return bytes.Contains(said, []byte(`{"code":-1,`))
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

// A loser under a key hears on the fast path that nothing is left. A key that has an answer gets it again, and a buyer who has
// won within a limit is not told so. Both hold even if another edge has sold to them since the last look.
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

// While the store does not say what has changed, the ledger decides each buy.
func TestFastPathAsksTheLedgerWhenUnlooked(t *testing.T) {
	w := newKeyWorld(t, 0)
	w.store.mute.Store(true)
	w.winElsewhere(t, "sue", "1")
	if asked := w.store.deducts.Load(); w.denies("sue", "1") || !w.denies("joe", "1") || w.store.deducts.Load() != asked+2 {
		t.Errorf("sue has won elsewhere, joe has not, and the ledger was asked %d times", w.store.deducts.Load()-asked)
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

// secretive is a store that can stop telling what has changed. It counts the buys that it decides.
type secretive struct {
	ledger.Store
	mute    atomic.Bool
	deducts atomic.Int64
}

func (s *secretive) DeductEach(ctx context.Context, sale string, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	s.deducts.Add(int64(len(qs)))
	return s.Store.DeductEach(ctx, sale, qs)
}

func (s *secretive) Revision(ctx context.Context, sale string) (string, error) {
	if s.mute.Load() {
		return "", ledger.ErrDown
	}
	return s.Store.Revision(ctx, sale)
}
