package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// spikeStage plays both sides of Spike for one reservation.
type spikeStage struct {
	state    string
	silent   int32 // how many confirms nobody knows the answer of
	over     bool  // the hold ends before the confirm
	confirms atomic.Int32
	prolongs atomic.Int32
}

func (s *spikeStage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if r.Method == http.MethodPost && r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch {
	case action == "prolong":
		s.prolongs.Add(1)
	case action == "confirm" && s.confirms.Add(1) <= s.silent:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case action == "confirm" && s.over:
		w.WriteHeader(http.StatusConflict)
		return
	}
	_ = json.NewEncoder(w).Encode(reservation{Sale: "ticket", Serial: 7, Count: 2, Reservation: "rsv_7", State: s.state})
}

func (s *spikeStage) payments(t *testing.T) *payments {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	p := newPayments(t.Context(), operators{server.URL, "secret"}, buyers{server.URL}, 100)
	p.pause = time.Millisecond
	return p
}

func mustStart(t *testing.T, p *payments) payment {
	t.Helper()
	made, err := p.start(t.Context(), "ann", "token")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (p *payments) mustBe(t *testing.T, id, state string) {
	t.Helper()
	if have, err := p.show(id, "ann"); err != nil || have.State != state {
		t.Errorf("%+v %v, want %s", have, err, state)
	}
}

func TestPaymentIsConfirmedHoweverLong(t *testing.T) {
	s := &spikeStage{state: "pending", silent: 5}
	p := s.payments(t)
	made := mustStart(t, p)
	if made.Amount != 200 || s.prolongs.Load() != 1 {
		t.Errorf("%+v, prolonged %d times", made, s.prolongs.Load())
	}
	for range 3 { // a provider tells it several times
		if err := p.decide(made.ID, true); err != nil {
			t.Error(err)
		}
	}
	p.wait()
	p.mustBe(t, made.ID, paid)
	if n := s.confirms.Load(); n != 6 {
		t.Errorf("%d confirms, want 6", n)
	}
	if err := p.decide(made.ID, false); err != nil {
		t.Error(err)
	}
	p.mustBe(t, made.ID, paid)
}

func TestLatePaymentGoesBack(t *testing.T) {
	s := &spikeStage{state: "pending", over: true}
	p := s.payments(t)
	made := mustStart(t, p)
	_ = p.decide(made.ID, true)
	p.wait()
	p.mustBe(t, made.ID, returned)
}

func TestOnePaymentForAReservation(t *testing.T) {
	p := (&spikeStage{state: "pending"}).payments(t)
	first := mustStart(t, p)
	if again := mustStart(t, p); again.ID != first.ID {
		t.Errorf("%s and %s", first.ID, again.ID)
	}
	_ = p.decide(first.ID, false)
	p.mustBe(t, first.ID, refused)
	if again := mustStart(t, p); again.ID == first.ID {
		t.Error("a refused payment is all there is")
	}
	if _, err := p.show(first.ID, "bob"); !errors.Is(err, errNoPayment) {
		t.Errorf("another buyer sees it: %v", err)
	}
}

func TestOnlyWhatIsPendingIsPaid(t *testing.T) {
	if _, err := (&spikeStage{state: "expired"}).payments(t).start(t.Context(), "ann", "token"); !errors.Is(err, errNotOpen) {
		t.Error(err)
	}
}

func TestErrorsKeepTheToken(t *testing.T) {
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	_, err := operators{nobody.URL, "secret"}.confirm(context.Background(), "the-token")
	if !errors.Is(err, errUnknown) || strings.Contains(err.Error(), "the-token") {
		t.Error(err)
	}
}
