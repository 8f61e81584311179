package identity

import (
	"crypto/sha256"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"pgregory.net/rapid"

	"spike/luascripts/ledger"
)

var ann = Identity{Buyer: BuyerOf([]byte("ann")), Known: true}

// keySent is the key of a request by this buyer.
func keySent(who Identity) func(*fasthttp.RequestHeader, net.Addr) (ledger.IdempotencyKey, error) {
	return func(h *fasthttp.RequestHeader, _ net.Addr) (ledger.IdempotencyKey, error) {
		sent, err := readCaller(h)
		if err != nil {
			return ledger.IdempotencyKey{}, err
		}
		return idempotencyKey(sent.key, who)
	}
}

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
		key, err := keySent(c.who)(asking(t, "127.0.0.1", "idempotency-KEY: "+c.line))
		if c.ok && (err != nil || key != keyOf(c.who.Buyer, []byte(c.line))) ||
			!c.ok && (!errors.Is(err, ErrIdempotencyKey) || key != ledger.IdempotencyKey{}) {
			t.Errorf("%s: %x %v", c.name, key, err)
		}
	}
	if key, err := keySent(ann)(asking(t, "127.0.0.1")); err != nil || key != (ledger.IdempotencyKey{}) {
		t.Errorf("none: %x %v", key, err)
	}
	key, err := keySent(ann)(asking(t, "127.0.0.1", "Idempotency-Key: a", "Idempotency-Key: a"))
	if !errors.Is(err, ErrIdempotencyKey) {
		t.Errorf("two: %x %v", key, err)
	}
}

// The hash is a contract between edges of different versions.
func TestKeyOfIsWhatItWas(t *testing.T) {
	want := sha256.Sum256([]byte("\x08\x01\x02\x03\x04\x05\x06\x07\x08key"))
	if got := keyOf(ledger.Buyer{1, 2, 3, 4, 5, 6, 7, 8}, []byte("key")); got != ledger.IdempotencyKey(want[:16]) {
		t.Errorf("%x, want %x", got, want[:16])
	}
}

func TestTwoBuyersKeysNeverMeet(t *testing.T) {
	type said struct {
		buyer ledger.Buyer
		text  string
	}
	seen := map[ledger.IdempotencyKey]said{}
	rapid.Check(t, func(t *rapid.T) {
		s := said{text: rapid.StringMatching(`[ -~]{1,12}`).Draw(t, "key")}
		copy(s.buyer[:], rapid.SliceOfN(rapid.ByteRange('a', 'c'), 0, 8).Draw(t, "buyer"))
		key := keyOf(s.buyer, []byte(s.text))
		if other, there := seen[key]; there && other != s {
			t.Fatalf("%v and %v are one", s, other)
		}
		if seen[key] = s; key == (ledger.IdempotencyKey{}) {
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
		key, err := keySent(who)(&r.Header, nil)
		if err != nil {
			if !errors.Is(err, ErrIdempotencyKey) && !errors.Is(err, ErrIdentity) || key != (ledger.IdempotencyKey{}) {
				t.Errorf("%q: %x %v", text, key, err)
			}
			return
		}
		sent := r.Header.Peek(headerKey)
		if len(sent) == 0 || len(sent) > maxKeyText || !known && len(sent) < minAnonKey ||
			strings.ContainsFunc(string(sent), func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			t.Errorf("%q was taken", sent)
		}
		if key != keyOf(who.Buyer, sent) || key == (ledger.IdempotencyKey{}) {
			t.Errorf("%q is %x", sent, key)
		}
	})
}

func BenchmarkIdempotency(b *testing.B) {
	h, peer := asking(b, "127.0.0.1", "Idempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324")
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := keySent(ann)(h, peer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
