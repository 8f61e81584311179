package token

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"spike/luascripts/ledger"
)

func someKey(b byte) []byte { return bytes.Repeat([]byte{b}, MinKey) }

func someToken(s *Signer) (Token, []byte) {
	want := Token{Birth: 1795399305199325, Claim: ledger.Claim{Serial: 4294967294, Count: 100, Fence: 1795399305199326,
		Nonce: 1<<53 - 1, Expiry: 1795399605199326, Buyer: ledger.Buyer{1, 2, 3, 4, 5, 6, 7, 8}}}
	return want, s.Append(nil, want.Birth, &want.Claim)
}

func TestTokenSaysWhatWasSigned(t *testing.T) {
	s := NewSigner(someKey(7))
	want, text := someToken(s)
	if got, err := s.Parse(text); err != nil || got != want || len(text) != Len {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	other := NewSigner(someKey(8))
	if _, err := other.Parse(text); !errors.Is(err, ErrToken) {
		t.Error("another key's token was taken")
	}
}

// mustRefuse checks that a text is refused with ErrToken.
func mustRefuse(t *testing.T, s *Signer, text []byte, what string, where ...any) {
	t.Helper()
	if got, err := s.Parse(text); err != ErrToken || got != (Token{}) { //nolint:errorlint // this very error, not one that wraps it
		t.Fatalf("%s %v: %q was taken: %+v %v", what, where, text, got, err)
	}
}

func TestEveryChangedCharacterIsRefused(t *testing.T) {
	s := NewSigner(someKey(7), someKey(8))
	_, text := someToken(s)
	for i := range text {
		for c := range 256 {
			forged := bytes.Clone(text)
			if forged[i] = byte(c); forged[i] != text[i] {
				mustRefuse(t, s, forged, "changed", i, c)
			}
		}
	}
}

func TestEveryMovedCharacterIsRefused(t *testing.T) {
	s := NewSigner(someKey(7))
	_, text := someToken(s)
	for i := range text {
		mustRefuse(t, s, slices.Delete(bytes.Clone(text), i, i+1), "deleted", i)
		mustRefuse(t, s, text[:i], "cut", i)
		for j := range i {
			forged := bytes.Clone(text)
			forged[i], forged[j] = forged[j], forged[i]
			if !bytes.Equal(forged, text) {
				mustRefuse(t, s, forged, "swapped", i, j)
			}
		}
	}
	for i := range len(text) + 1 {
		for c := range 256 {
			longer := slices.Insert(bytes.Clone(text), i, byte(c))
			mustRefuse(t, s, longer, "inserted", i, c)
			for _, end := range []int{0, 1} { // so that the length is right again
				if cut := longer[end : end+Len]; !bytes.Equal(cut, text) {
					mustRefuse(t, s, cut, "inserted, cut", i, c)
				}
			}
		}
	}
}

// Decoders skip line ends, accept padding and drop spare bits. A token still has only one text.
func TestTokenHasOneText(t *testing.T) {
	s := NewSigner(someKey(7))
	_, text := someToken(s)
	raw, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(raw) != tokenSize || base64.RawURLEncoding.EncodedLen(tokenSize) != Len {
		t.Fatal(len(raw), err)
	}
	for _, forged := range []string{string(text) + "=", string(text) + "\n", string(text[:40]) + "\r\n" + string(text[40:]),
		" " + string(text),
		string(text) + " ", string(text[:82]) + "==", string(text[:83]) + "=", string(text[:83]) + "\n", string(text) + "AAAA", "",
		base64.StdEncoding.EncodeToString(append(raw, 0)), base64.RawURLEncoding.EncodeToString(raw[:62])} {
		mustRefuse(t, s, []byte(forged), "written otherwise")
	}
	if std := base64.StdEncoding.EncodeToString(raw); std != string(text) {
		mustRefuse(t, s, []byte(std), "in the other alphabet")
	} else {
		t.Error("this token is the same in both alphabets: choose another")
	}
}

func TestRandomMutationsAreRefused(t *testing.T) {
	n := tokenMutations
	if testing.Short() {
		n /= 30
	}
	s := NewSigner(someKey(7), someKey(8))
	_, mine := someToken(s)
	_, old := someToken(NewSigner(someKey(8)))
	var all sync.WaitGroup
	var same, taken atomic.Int64
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 20261122))
			forged := make([]byte, 0, 2*Len)
			for range n / workers {
				forged = mutate(rng, forged[:0], mine, old)
				switch _, err := s.Parse(forged); {
				case bytes.Equal(forged, mine) || bytes.Equal(forged, old):
					same.Add(1)
				case err == nil:
					taken.Add(1)
					t.Errorf("%q was taken", forged)
				}
			}
		})
	}
	all.Wait()
	if same.Load() > int64(n/10) {
		t.Errorf("%d of %d mutations changed nothing: nothing was tested", same.Load(), n)
	}
	t.Logf("%d mutations, %d without effect, %d taken", n, same.Load(), taken.Load())
}

// mutate writes one of the tokens with 1 to 4 changes. Most changes stay within the alphabet, so they reach the MAC.
func mutate(rng *rand.Rand, b, mine, old []byte) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if b = append(b, mine...); rng.IntN(2) == 0 {
		b = append(b[:0], old...)
	}
	for range 1 + rng.IntN(4) {
		i, j := rng.IntN(len(b)), rng.IntN(Len)
		switch rng.IntN(8) {
		case 0:
			b[i] = byte(rng.Uint32())
		case 1:
			b = append(b[:i], b[i+1:]...)
			b = append(b, alphabet[rng.IntN(len(alphabet))])
		case 2:
			b[i], b[j] = b[j], b[i]
		case 3:
			copy(b[i:], old[j:min(Len, j+8)])
		default:
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
	}
	return b
}

// TestRotation: a token under the old key is accepted exactly as long as the old key is there.
func TestRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), MinKey, 64)
		older, newer := key.Draw(t, "older"), key.Draw(t, "newer")
		if bytes.Equal(older, newer) {
			t.Skip()
		}
		token := Token{Birth: rapid.Uint64().Draw(t, "birth"), Claim: ledger.Claim{Serial: rapid.Uint32().Draw(t, "serial"),
			Count: rapid.Uint32Range(1, ledger.MaxUnits).Draw(t, "count"), Fence: rapid.Uint64().Draw(t, "fence"),
			Nonce: rapid.Uint64().Draw(t, "nonce"), Expiry: rapid.Int64().Draw(t, "expiry")}}
		copy(token.Buyer[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "buyer"))
		signed := func(s *Signer) []byte { return s.Append(nil, token.Birth, &token.Claim) }
		before, added, turned, after := NewSigner(older), NewSigner(older, newer), NewSigner(newer, older), NewSigner(newer)
		for _, c := range []struct {
			text  []byte
			taken []*Signer
			not   []*Signer
		}{
			{signed(before), []*Signer{before, added, turned}, []*Signer{after}},
			{signed(added), []*Signer{before, added, turned}, []*Signer{after}},
			{signed(turned), []*Signer{added, turned, after}, []*Signer{before}},
		} {
			for _, s := range c.taken {
				if got, err := s.Parse(c.text); err != nil || got != token {
					t.Fatalf("%+v %v, want %+v", got, err, token)
				}
			}
			for _, s := range c.not {
				if _, err := s.Parse(c.text); !errors.Is(err, ErrToken) {
					t.Fatal("taken without its key")
				}
			}
		}
	})
}

// Two keys may have the same id. Both must work, and neither may verify tokens of the other.
func TestKeysWithOneID(t *testing.T) {
	a := someKey(1)
	b := someKey(2)
	for newSigningKey(a).id != newSigningKey(b).id {
		binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)+1)
	}
	both := NewSigner(a, b)
	for _, key := range [][]byte{a, b} {
		want, text := someToken(NewSigner(key))
		if got, err := both.Parse(text); err != nil || got != want {
			t.Errorf("%+v %v", got, err)
		}
	}
	_, text := someToken(NewSigner(a))
	mustRefuse(t, NewSigner(b), text, "the other key's, of the same id")
}

// A signed token is refused if it has another version, or the id of another key.
func TestSignedButNotAToken(t *testing.T) {
	s := NewSigner(someKey(7))
	_, good := someToken(s)
	for _, at := range []int{0, 1} { // version, key id
		raw, err := base64.RawURLEncoding.DecodeString(string(good))
		if err != nil {
			t.Fatal(err)
		}
		raw[at]++
		w := (*s.now.Load())[0].pool.Get().(*signing)
		sealed := w.seal(append(w.raw[:0], raw[:tokenBody]...), tokenSize)
		mustRefuse(t, s, []byte(base64.RawURLEncoding.EncodeToString(sealed)), "signed with another byte", at)
	}
}

func TestSignerKeepsItsOwnKey(t *testing.T) {
	key := someKey(7)
	s := NewSigner(key)
	clear(key)
	_, text := someToken(s)
	if _, want := someToken(NewSigner(someKey(7))); !bytes.Equal(text, want) {
		t.Error("the signer's key changed with its caller's")
	}
}

func FuzzToken(f *testing.F) {
	s := NewSigner(someKey(7), someKey(8))
	_, mine := someToken(s)
	_, old := someToken(NewSigner(someKey(8)))
	_, strange := someToken(NewSigner(someKey(9)))
	for _, seed := range [][]byte{mine, old, strange, mine[1:], []byte("===="), append(bytes.Clone(mine), '\n'),
		append(bytes.Clone(mine[:83]), '=')} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := s.Parse(text)
		if good := bytes.Equal(text, mine) || bytes.Equal(text, old); (err == nil) != good ||
			err != nil && err != ErrToken { //nolint:errorlint // this very error
			t.Errorf("%q: %v", text, err)
		}
	})
}

func BenchmarkToken(b *testing.B) {
	s := NewSigner(someKey(7), someKey(8))
	want, text := someToken(s)
	_, old := someToken(NewSigner(someKey(8)))
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			text = s.Append(text[:0], want.Birth, &want.Claim)
		}
	})
	for name, text := range map[string][]byte{"parse": text, "parse, second key": old, "parse, refused": make([]byte, Len)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Parse(text)
			}
		})
	}
}
