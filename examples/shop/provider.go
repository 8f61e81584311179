package main

import (
	"log/slog"
	"net/http"
)

// This file plays the payment provider, which has no money: replace it by the provider's own page and notification. A real
// notification is signed, and is verified before decide is called.

// provider takes what the buyer has pressed on the provider's page.
func (s *shop) provider(w http.ResponseWriter, r *http.Request) {
	var said struct{ Approve bool }
	if !read(w, r, &said) {
		return
	}
	buyer, err := s.logins.buyer(r)
	if err == nil {
		_, err = s.payments.show(r.PathValue("id"), buyer)
	}
	if err == nil {
		err = s.payments.decide(r.PathValue("id"), said.Approve)
	}
	if err != nil {
		refuse(w, http.StatusNotFound, errNoPayment)
		return
	}
	reply(w, http.StatusOK, map[string]any{})
}

// payBack sends the money of a payment back.
func payBack(id string) { slog.Info("the money goes back", "payment", id) }
