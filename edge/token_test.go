package edge

import (
	"bytes"
	"errors"
	"testing"

	"spike/luascripts"
)

func someToken(s *Signer) (Token, []byte) {
	want := Token{Birth: 1795399305199325, Claim: luascripts.Claim{Serial: 4294967294, Count: 100, Fence: 1795399305199326,
		Nonce: 1<<53 - 1, Expiry: 1795399605199326, Buyer: luascripts.Buyer{1, 2, 3, 4, 5, 6, 7, 8}}}
	return want, s.Append(nil, want.Birth, &want.Claim)
}

func TestTokenSaysWhatWasSigned(t *testing.T) {
	s := NewSigner(bytes.Repeat([]byte{7}, 32))
	want, text := someToken(s)
	if got, err := s.Parse(text); err != nil || got != want || len(text) != TokenLen {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	other := NewSigner(bytes.Repeat([]byte{8}, 32))
	if _, err := other.Parse(text); !errors.Is(err, ErrToken) {
		t.Error("another key's token was taken")
	}
}

func TestEveryChangedCharacterIsRefused(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n"
	s := NewSigner(bytes.Repeat([]byte{7}, 32))
	_, text := someToken(s)
	for i := range text {
		for _, c := range []byte(alphabet) {
			forged := bytes.Clone(text)
			if forged[i] == c {
				continue
			}
			forged[i] = c
			if _, err := s.Parse(forged); !errors.Is(err, ErrToken) {
				t.Fatalf("character %d changed to %q: %v", i, c, err)
			}
		}
	}
}

func FuzzToken(f *testing.F) {
	s := NewSigner(bytes.Repeat([]byte{7}, 32))
	_, good := someToken(s)
	f.Add(good)
	f.Add(good[1:])
	f.Add([]byte("===="))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := s.Parse(text); (err == nil) != bytes.Equal(text, good) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
