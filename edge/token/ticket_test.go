package token

import (
	"bytes"
	"errors"
	"testing"

	"spike/luascripts/ledger"
)

func someTicket(s *Signer) (Ticket, []byte) {
	want := Ticket{Birth: 1795399305199325, Buyer: ledger.Buyer{1, 2, 3, 4, 5, 6, 7, 8}}
	return want, s.AppendTicket(nil, want)
}

func TestTicketSaysWhatWasSigned(t *testing.T) {
	s := NewSigner(someKey(7))
	want, text := someTicket(s)
	if got, err := s.ParseTicket(text); err != nil || got != want || len(text) != TicketLen {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	if got, err := NewSigner(someKey(9), someKey(7)).ParseTicket(text); err != nil || got != want {
		t.Errorf("after a rotation: %+v %v", got, err)
	}
	if _, err := NewSigner(someKey(8)).ParseTicket(text); !errors.Is(err, ErrToken) {
		t.Error("another key's ticket was taken")
	}
}

func TestEveryChangedCharacterOfATicketIsRefused(t *testing.T) {
	s := NewSigner(someKey(7), someKey(8))
	_, text := someTicket(s)
	for i := range text {
		for c := range 256 {
			forged := bytes.Clone(text)
			if forged[i] = byte(c); forged[i] == text[i] {
				continue
			}
			if got, err := s.ParseTicket(forged); err != ErrToken || got != (Ticket{}) { //nolint:errorlint // this very error
				t.Fatalf("%q was taken: %+v %v", forged, got, err)
			}
		}
	}
}

// A token, whole or cut, is no ticket, and a ticket is no token.
func TestTicketsAndTokensAreTwoThings(t *testing.T) {
	s := NewSigner(someKey(7))
	_, ticket := someTicket(s)
	_, token := someToken(s)
	if _, err := s.Parse(ticket); !errors.Is(err, ErrToken) {
		t.Error("a ticket is a token")
	}
	for _, text := range [][]byte{token, token[:TicketLen], token[Len-TicketLen:], ticket[:TicketLen-1],
		append(bytes.Clone(ticket), 'A'), nil} {
		if _, err := s.ParseTicket(text); !errors.Is(err, ErrToken) {
			t.Errorf("%q is a ticket", text)
		}
	}
	mustRefuse(t, s, append(bytes.Clone(ticket), token[TicketLen:]...), "a ticket with a token's end")
}
