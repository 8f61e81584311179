package edge

import (
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"spike/luascripts"
)

var ann = Identity{Buyer: BuyerOf([]byte("ann")), Known: true}

func TestIdempotencyKey(t *testing.T) {
	for _, c := range []struct {
		name, line string
		who        Identity
		ok         bool
	}{
		{"one character", "k", ann, true},
		{"255", strings.Repeat("k", 255), ann, true},
		{"256", strings.Repeat("k", 256), ann, false},
		{"every visible character", "!\"#$%&'()*+,-./0189:;<=>?@AZ[\\]^_`az{|}~", ann, true},
		{"quoted", `"8e03978e-40d5-43dd-bc93-6894a57f9324"`, Identity{}, true},
		{"a blank within", "a b", ann, false},
		{"a tab within", "a\tb", ann, false},
		{"not ASCII", "schlüssel", ann, false},
		{"empty", "", ann, false},
		{"nobody's, 22", strings.Repeat("k", 22), Identity{}, true},
		{"nobody's, 21", strings.Repeat("k", 21), Identity{}, false},
		{"nobody's, 21 in quotes", `"` + strings.Repeat("k", 21) + `"`, Identity{}, false},
		{"nobody's, 22 in quotes", `"` + strings.Repeat("k", 22) + `"`, Identity{}, true},
		{"nobody's, a quote", `"`, Identity{}, false},
	} {
		ctx := asking(t, "127.0.0.1", "idempotency-KEY: "+c.line)
		key, err := idempotencyKey(&ctx.Request.Header, c.who)
		if c.ok && (err != nil || key != keyOf(c.who.Buyer, []byte(c.line))) || !c.ok && (!errors.Is(err, ErrIdempotencyKey) || key != luascripts.IdempotencyKey{}) {
			t.Errorf("%s: %x %v", c.name, key, err)
		}
	}
	ctx := asking(t, "127.0.0.1")
	if key, err := idempotencyKey(&ctx.Request.Header, ann); err != nil || key != (luascripts.IdempotencyKey{}) {
		t.Errorf("none: %x %v", key, err)
	}
	ctx = asking(t, "127.0.0.1", "Idempotency-Key: a", "Idempotency-Key: a")
	if key, err := idempotencyKey(&ctx.Request.Header, ann); !errors.Is(err, ErrIdempotencyKey) {
		t.Errorf("two: %x %v", key, err)
	}
}

// The hash is a contract between edges of different versions.
func TestKeyOfIsWhatItWas(t *testing.T) {
	want := sha256.Sum256([]byte("\x08\x01\x02\x03\x04\x05\x06\x07\x08key"))
	if got := keyOf(luascripts.Buyer{1, 2, 3, 4, 5, 6, 7, 8}, []byte("key")); got != luascripts.IdempotencyKey(want[:16]) {
		t.Errorf("%x, want %x", got, want[:16])
	}
}

func TestTwoBuyersKeysNeverMeet(t *testing.T) {
	type said struct {
		buyer luascripts.Buyer
		text  string
	}
	seen := map[luascripts.IdempotencyKey]said{}
	rapid.Check(t, func(t *rapid.T) {
		s := said{text: rapid.StringMatching(`[ -~]{1,12}`).Draw(t, "key")}
		copy(s.buyer[:], rapid.SliceOfN(rapid.ByteRange('a', 'c'), 0, 8).Draw(t, "buyer"))
		key := keyOf(s.buyer, []byte(s.text))
		if other, there := seen[key]; there && other != s {
			t.Fatalf("%v and %v are one", s, other)
		}
		if seen[key] = s; key == (luascripts.IdempotencyKey{}) {
			t.Fatal("no key at all")
		}
	})
}

func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"k", `"quoted"`, strings.Repeat("k", 22), "a b", "a, b", " k ", "\xff", strings.Repeat("k", 300)} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, known bool) {
		r, ok := received(t, "GET / HTTP/1.1\r\nHost: a\r\nIdempotency-Key:"+text+"\r\n\r\n")
		if !ok {
			return
		}
		who := Identity{Known: known}
		key, err := idempotencyKey(&r.Header, who)
		if err != nil {
			if !errors.Is(err, ErrIdempotencyKey) && !errors.Is(err, ErrIdentity) || key != (luascripts.IdempotencyKey{}) {
				t.Errorf("%q: %x %v", text, key, err)
			}
			return
		}
		sent := r.Header.Peek(headerKey)
		if len(sent) == 0 || len(sent) > maxKeyText || !known && len(sent) < minAnonKey || strings.ContainsFunc(string(sent), func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			t.Errorf("%q was taken", sent)
		}
		if key != keyOf(who.Buyer, sent) || key == (luascripts.IdempotencyKey{}) {
			t.Errorf("%q is %x", sent, key)
		}
	})
}

func TestInFlight(t *testing.T) {
	var f inFlight
	a, b := luascripts.IdempotencyKey{1}, luascripts.IdempotencyKey{2}
	if err := f.enter(a); err != nil {
		t.Fatal(err)
	}
	if err := f.enter(a); !errors.Is(err, ErrInFlight) {
		t.Errorf("the same again: %v", err)
	}
	if err := f.enter(b); err != nil {
		t.Errorf("another: %v", err)
	}
	f.leave(a)
	if err := f.enter(a); err != nil {
		t.Errorf("after it left: %v", err)
	}
}

func TestInFlightIsBounded(t *testing.T) {
	var f inFlight
	key := func(i int) luascripts.IdempotencyKey {
		return luascripts.IdempotencyKey{byte(i), byte(i >> 8), byte(i >> 16)}
	}
	for i := range maxInFlight {
		if err := f.enter(key(i)); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := f.enter(key(maxInFlight)); !errors.Is(err, ErrTooManyInFlight) {
		t.Error(err)
	}
	if err := f.enter(key(7)); !errors.Is(err, ErrInFlight) {
		t.Error(err)
	}
	f.leave(key(7))
	if err := f.enter(key(maxInFlight)); err != nil {
		t.Error(err)
	}
}

// However many ask with one key at once, one is let in at a time.
func TestInFlightLetsOneIn(t *testing.T) {
	var f inFlight
	var inside, entered atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				if f.enter(luascripts.IdempotencyKey{1}) != nil {
					continue
				}
				if entered.Add(1); inside.Add(1) != 1 {
					t.Error("two at once")
				}
				inside.Add(-1)
				f.leave(luascripts.IdempotencyKey{1})
			}
		})
	}
	all.Wait()
	if entered.Load() == 0 || len(f.keys) != 0 {
		t.Errorf("%d entered, %d are left", entered.Load(), len(f.keys))
	}
}

func BenchmarkIdempotency(b *testing.B) {
	ctx := asking(b, "127.0.0.1", "Idempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324")
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := idempotencyKey(&ctx.Request.Header, ann); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in flight", func(b *testing.B) {
		var f inFlight
		key := luascripts.IdempotencyKey{1}
		b.ReportAllocs()
		for b.Loop() {
			_ = f.enter(key)
			f.leave(key)
		}
	})
}
