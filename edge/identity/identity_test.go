package identity

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"spike/edge/internal/wiretest"
	"spike/luascripts/ledger"
)

func TestBuyerOf(t *testing.T) {
	sum := sha256.Sum256([]byte("ann"))
	if got := BuyerOf([]byte("ann")); got != ledger.Buyer(sum[:8]) {
		t.Errorf("%x, want %x", got, sum[:8])
	}
	// The result of `select encode(substr(sha256(convert_to('安娜', 'UTF8')), 1, 8), 'hex')`.
	sum = sha256.Sum256([]byte{0xe5, 0xae, 0x89, 0xe5, 0xa8, 0x9c})
	if got := BuyerOf([]byte("安娜")); got != ledger.Buyer(sum[:8]) {
		t.Errorf("%x, want %x", got, sum[:8])
	}
	if got := nonZero(ledger.Buyer{}); got != (ledger.Buyer{7: 1}) {
		t.Errorf("a hash of zeros is %x", got)
	}
}

func TestWhomThePeerNames(t *testing.T) {
	const line = "X-Buyer-Id: ann"
	some := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"),
		netip.MustParsePrefix("::ffff:192.168.0.0/112")}
	for _, c := range []struct {
		peer    string
		trusted []netip.Prefix
		lines   []string
		known   bool
	}{
		{"127.0.0.1", TrustedByDefault(), []string{line}, true},
		{"127.9.9.9", TrustedByDefault(), []string{"x-bUYER-id:ann"}, true},
		{"::1", TrustedByDefault(), []string{line}, true},
		{"::ffff:127.0.0.1", TrustedByDefault(), []string{line}, true},
		{"::2", TrustedByDefault(), []string{line}, false},
		{"10.1.2.3", TrustedByDefault(), []string{line}, false},
		{"::ffff:10.1.2.3", TrustedByDefault(), []string{line}, false},
		{"/run/nginx.sock", TrustedByDefault(), []string{line}, false},
		{"127.0.0.1", TrustedByDefault(), nil, false},
		{"127.0.0.1", TrustedByDefault(), []string{"X-Buyer: ann", "X_Buyer_Id: ann"}, false},
		{"127.0.0.1", nil, []string{line}, false},
		{"127.0.0.1", some, []string{line}, false},
		{"10.1.255.255", some, []string{line}, true},
		{"::ffff:10.1.2.3", some, []string{line}, true},
		{"10.2.0.0", some, []string{line}, false},
		{"fd12::1", some, []string{line}, true},
		{"192.168.0.7", some, []string{line}, true},
		{"192.169.0.7", some, []string{line}, false},
	} {
		got, err := NewWho(c.trusted, nil).Identify(asking(t, c.peer, c.lines...))
		want := Identity{}
		if c.known {
			want = ann
		}
		if err != nil || got != want {
			t.Errorf("%s trusting %v, %v: %+v %v", c.peer, c.trusted, c.lines, got, err)
		}
	}
}

func TestBuyerIDsThatAreRefused(t *testing.T) {
	w := NewWho(TrustedByDefault(), nil)
	for id, ok := range map[string]bool{
		"":                       false,
		" \t":                    false,
		"a\tb":                   false,
		strings.Repeat("a", 257): false,
		strings.Repeat("a", 256): true,
		"a b":                    true,
		"安娜":                     true,
		"ann, bob":               true,
		"\xff":                   true,
	} {
		got, err := w.Identify(asking(t, "127.0.0.1", "X-Buyer-Id: "+id))
		if ok && (err != nil || got != Identity{Buyer: BuyerOf([]byte(id)), Known: true}) ||
			!ok && (!errors.Is(err, ErrIdentity) || got != Identity{}) {
			t.Errorf("%q: %+v %v", id, got, err)
		}
		if got, err := w.Identify(asking(t, "10.0.0.1", "X-Buyer-Id: "+id)); err != nil || got != (Identity{}) {
			t.Errorf("a stranger's %q: %+v %v", id, got, err)
		}
	}
	if got, err := w.Identify(asking(t, "127.0.0.1", "X-Buyer-Id: ann", "X-Buyer-Id: bob")); !errors.Is(err, ErrIdentity) {
		t.Errorf("two: %+v %v", got, err)
	}
}

// FuzzBuyerID: the buyer is the one that the header names, or the request is refused.
func FuzzBuyerID(f *testing.F) {
	for _, seed := range []string{"ann", "", " ann ", "a\x7fb", "a\nX-Buyer-Id: bob", strings.Repeat("a", 300), "\xff\xfe"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	w := NewWho(TrustedByDefault(), nil)
	f.Fuzz(func(t *testing.T, id string, near bool) {
		r, ok := received(t, "GET / HTTP/1.1\r\nHost: a\r\nX-Buyer-Id:"+id+"\r\n\r\n")
		if !ok {
			return
		}
		peer := "127.0.0.1"
		if !near {
			peer = "10.0.0.1"
		}
		got, err := w.Identify(&r.Header, wiretest.AddressOf(t, peer))
		sent := r.Header.Peek(headerBuyer)
		switch {
		case err != nil:
			if !errors.Is(err, ErrIdentity) || got != (Identity{}) {
				t.Errorf("%q: %+v %v", id, got, err)
			}
		case got != Identity{} && (!near || got != Identity{Buyer: BuyerOf(sent), Known: true} || !isBuyerID(sent)):
			t.Errorf("%q from %s: %+v", id, peer, got)
		case got == Identity{} && near:
			t.Errorf("%q: nobody", id)
		}
	})
}

func BenchmarkWho(b *testing.B) {
	w := NewWho(TrustedByDefault(), nil)
	for name, lines := range map[string][]string{"named": {"X-Buyer-Id: user-123456"}, "nobody": nil} {
		h, peer := asking(b, "127.0.0.1", lines...)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Identify(h, peer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
