package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

var (
	errEnded   = errors.New("ended")   // the reservation is over: paying for it makes no sense
	errUnknown = errors.New("unknown") // nobody knows: ask again
)

// reservation is what an edge says of one.
type reservation struct {
	Sale        string `json:"sale"`
	Serial      uint32 `json:"serial"`
	Count       int    `json:"count,omitempty"`
	Reservation string `json:"reservation"`
	State       string `json:"state"`
}

func (r reservation) units() int { return max(r.Count, 1) }

// client is for calls within the shop's own network.
var client = &http.Client{Timeout: 10 * time.Second}

// operators is the operators' side of Spike. Its token is of the role payment, and no browser ever has it.
type operators struct{ url, token string }

// confirm says that a reservation is paid. It may be called again: the answer is the same.
func (o operators) confirm(ctx context.Context, token string) (reservation, error) {
	return o.post(ctx, token, "confirm", nil)
}

// prolong moves the end of a hold away, once and by the sale's hold at the most: a repeat changes nothing.
func (o operators) prolong(ctx context.Context, token string, by time.Duration) (reservation, error) {
	return o.post(ctx, token, "prolong", map[string]any{"by_seconds": int(by.Seconds())})
}

func (o operators) post(ctx context.Context, token, action string, body any) (reservation, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return reservation{}, fmt.Errorf("%s: %w", action, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+"/api/v1/reservations/"+url.PathEscape(token)+"/"+action,
		bytes.NewReader(text))
	if err != nil {
		return reservation{}, fmt.Errorf("%s: %w", action, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+o.token)
	got, err := ask(r)
	if err != nil {
		return got, fmt.Errorf("%s: %w", action, err)
	}
	return got, nil
}

// buyers is the buyers' side of Spike, as the shop itself reads it.
type buyers struct{ url string }

func (b buyers) show(ctx context.Context, token string) (reservation, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/v1/reservations/"+url.PathEscape(token), nil)
	if err != nil {
		return reservation{}, fmt.Errorf("show: %w", err)
	}
	got, err := ask(r)
	if err != nil {
		return got, fmt.Errorf("show: %w", err)
	}
	return got, nil
}

// ask sends a request. Its error is errEnded, or errUnknown where another try may be answered. Errors of the client are not
// passed on, because they have the address, and the address has the token.
func ask(r *http.Request) (got reservation, err error) {
	answer, err := client.Do(r)
	if err != nil {
		return got, errUnknown
	}
	defer answer.Body.Close()
	body := io.LimitReader(answer.Body, maxBody)
	switch answer.StatusCode {
	case http.StatusOK:
		if json.NewDecoder(body).Decode(&got) != nil {
			return got, errUnknown
		}
		return got, nil
	case http.StatusNotFound, http.StatusConflict:
		return got, errEnded
	}
	return got, fmt.Errorf("%w: status %d", errUnknown, answer.StatusCode)
}
