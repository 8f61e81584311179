package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var testLogins = logins{key: bytes.Repeat([]byte("k"), 32)}

func TestLoginIsVerified(t *testing.T) {
	now := time.Now()
	good := testLogins.sign(loginClaims{Buyer: "ann", Ends: now.Add(time.Hour).Unix()})
	if buyer, err := testLogins.verify(good, now); err != nil || buyer != "ann" {
		t.Errorf("%q %v", buyer, err)
	}
	_, rest, _ := strings.Cut(good, ".")
	for name, token := range map[string]string{
		"empty":          "",
		"no signature":   good[:strings.LastIndexByte(good, '.')+1],
		"another key":    logins{key: bytes.Repeat([]byte("x"), 32)}.sign(loginClaims{Buyer: "ann", Ends: now.Add(time.Hour).Unix()}),
		"alg none":       unpadded.EncodeToString([]byte(`{"alg":"none"}`)) + "." + rest,
		"over":           testLogins.sign(loginClaims{Buyer: "ann", Ends: now.Unix()}),
		"nobody":         testLogins.sign(loginClaims{Ends: now.Add(time.Hour).Unix()}),
		"changed a byte": "e" + good,
	} {
		if buyer, err := testLogins.verify(token, now); err == nil {
			t.Errorf("%s: is %q", name, buyer)
		}
	}
}

// passed returns the header that an edge gets of a request.
func passed(t *testing.T, change func(*http.Request)) http.Header {
	t.Helper()
	var got http.Header
	edge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer edge.Close()
	at, err := url.Parse(edge.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer((&shop{logins: testLogins, edge: at}).handler())
	defer front.Close()
	r, err := http.NewRequest(http.MethodPost, front.URL+"/v1/sales/ticket/reservations", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return got
}

func TestBrowserNamesNoBuyer(t *testing.T) {
	forged := func(r *http.Request) {
		r.Header.Set("X-Buyer-Id", "mallory")
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("Idempotency-Key", "k")
	}
	if h := passed(t, forged); h.Get("X-Buyer-Id") != "" || h.Get("Authorization") != "" || h.Get("Idempotency-Key") != "k" {
		t.Errorf("an edge gets %v", h)
	}
	login := testLogins.sign(loginClaims{Buyer: "ann", Ends: time.Now().Add(time.Hour).Unix()})
	h := passed(t, func(r *http.Request) {
		forged(r)
		r.AddCookie(&http.Cookie{Name: loginCookie, Value: login})
	})
	if got := h.Values("X-Buyer-Id"); len(got) != 1 || got[0] != "ann" || h.Get("Cookie") != "" {
		t.Errorf("an edge gets %v", h)
	}
}

func TestOtherSitesCannotBuy(t *testing.T) {
	if h := passed(t, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); h != nil {
		t.Errorf("an edge gets %v", h)
	}
}
