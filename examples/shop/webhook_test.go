package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The example of the Standard Webhooks specification.
const (
	specSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	specBody      = `{"test": 2432232314}`
	specSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	specTime      = 1614265330
)

func specReceiver(t *testing.T, late time.Duration) receiver {
	t.Helper()
	secret, err := parseWebhookSecret(specSecret)
	if err != nil {
		t.Fatal(err)
	}
	return receiver{secret: secret, records: newRecords(), now: func() time.Time { return time.Unix(specTime, 0).Add(late) }}
}

func specHeader() http.Header {
	h := http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", specSignature)
	return h
}

func TestWebhookIsVerified(t *testing.T) {
	for name, c := range map[string]struct {
		late   time.Duration
		change func(http.Header)
		body   string
		want   error
	}{
		"good":               {0, func(http.Header) {}, specBody, nil},
		"a bit late":         {4 * time.Minute, func(http.Header) {}, specBody, nil},
		"one of two is good": {0, func(h http.Header) { h.Set("webhook-signature", "v1,AAAA "+specSignature) }, specBody, nil},
		"replayed":           {6 * time.Minute, func(http.Header) {}, specBody, errReplayed},
		"of the future":      {-6 * time.Minute, func(http.Header) {}, specBody, errReplayed},
		"another body":       {0, func(http.Header) {}, specBody + " ", errSignature},
		"another id":         {0, func(h http.Header) { h.Set("webhook-id", "msg_x") }, specBody, errSignature},
		"another time":       {0, func(h http.Header) { h.Set("webhook-timestamp", "1614265331") }, specBody, errSignature},
		"another version":    {0, func(h http.Header) { h.Set("webhook-signature", "v2"+specSignature[2:]) }, specBody, errSignature},
		"no signature":       {0, func(h http.Header) { h.Del("webhook-signature") }, specBody, errSignature},
	} {
		h := specHeader()
		c.change(h)
		if err := specReceiver(t, c.late).verify(h, []byte(c.body)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := (receiver{now: time.Now}).verify(specHeader(), []byte(specBody)); !errors.Is(err, errSignature) {
		t.Errorf("a shop without a secret believes: %v", err)
	}
}

func TestWebhookAnswers(t *testing.T) {
	v := specReceiver(t, 0)
	for body, want := range map[string]int{specBody: http.StatusNoContent, "{}": http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodPost, "/shop/webhook", strings.NewReader(body))
		r.Header = specHeader()
		w := httptest.NewRecorder()
		v.receive(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", body, w.Code, want)
		}
	}
}

func told(kind string, at int64) (m message) {
	m.Type, m.Timestamp, m.Data.Reservation = kind, time.Unix(at, 0), "rsv_1"
	return m
}

func TestMessagesComeTwiceAndLate(t *testing.T) {
	r := newRecords()
	for i, c := range []struct {
		id    string
		m     message
		fresh bool
		want  string
	}{
		{"b", told("confirmed", 2), true, "confirmed"},
		{"a", told("reserved", 1), true, "confirmed"},
		{"b", told("confirmed", 2), false, "confirmed"},
		{"d", told("released", 3), true, "released"},
		{"c", told("prolonged", 3), true, "released"},
		{"b", told("confirmed", 9), false, "released"},
	} {
		if fresh := r.take(c.id, c.m); fresh != c.fresh || r.state("rsv_1") != c.want {
			t.Errorf("message %d: %v, %s", i, fresh, r.state("rsv_1"))
		}
	}
}

func TestSeenMessagesAreBounded(t *testing.T) {
	r := newRecords()
	for i := range maxSeen + 10 {
		r.take(time.Duration(i).String(), told("reserved", 1))
	}
	if len(r.seen) != maxSeen || len(r.arrived) != maxSeen {
		t.Errorf("%d and %d are kept", len(r.seen), len(r.arrived))
	}
}

func TestWebhookSecretIsChecked(t *testing.T) {
	for _, text := range []string{"", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_*"} {
		if _, err := parseWebhookSecret(text); !errors.Is(err, errSecret) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
