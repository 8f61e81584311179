package token

import (
	"bytes"
	"errors"
	"testing"

	"spike/luascripts"
)

func someStub(s *Signer) (Stub, []byte) {
	want := Stub{Birth: 1795399305199325, Buyer: luascripts.Buyer{1, 2, 3, 4, 5, 6, 7, 8}}
	return want, s.AppendStub(nil, want)
}

func TestStubSaysWhatWasSigned(t *testing.T) {
	s := NewSigner(someKey(7))
	want, text := someStub(s)
	if got, err := s.ParseStub(text); err != nil || got != want || len(text) != StubLen {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	if got, err := NewSigner(someKey(9), someKey(7)).ParseStub(text); err != nil || got != want {
		t.Errorf("after a rotation: %+v %v", got, err)
	}
	if _, err := NewSigner(someKey(8)).ParseStub(text); !errors.Is(err, ErrToken) {
		t.Error("another key's stub was taken")
	}
}

func TestEveryChangedCharacterOfAStubIsRefused(t *testing.T) {
	s := NewSigner(someKey(7), someKey(8))
	_, text := someStub(s)
	for i := range text {
		for c := range 256 {
			forged := bytes.Clone(text)
			if forged[i] = byte(c); forged[i] == text[i] {
				continue
			}
			if got, err := s.ParseStub(forged); err != ErrToken || got != (Stub{}) { //nolint:errorlint // this very error
				t.Fatalf("%q was taken: %+v %v", forged, got, err)
			}
		}
	}
}

// Neither passes for the other, whole or cut.
func TestStubsAndTokensAreTwoThings(t *testing.T) {
	s := NewSigner(someKey(7))
	_, stub := someStub(s)
	_, token := someToken(s)
	if _, err := s.Parse(stub); !errors.Is(err, ErrToken) {
		t.Error("a stub is a token")
	}
	for _, text := range [][]byte{token, token[:StubLen], token[Len-StubLen:], stub[:StubLen-1], append(bytes.Clone(stub), 'A'), nil} {
		if _, err := s.ParseStub(text); !errors.Is(err, ErrToken) {
			t.Errorf("%q is a stub", text)
		}
	}
	mustRefuse(t, s, append(bytes.Clone(stub), token[StubLen:]...), "a stub with a token's end")
}
