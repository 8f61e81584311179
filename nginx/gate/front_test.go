package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"spike/luascripts/ledger"
)

// nginx' status is read whole, or nothing of it counts.
func TestFrontStatus(t *testing.T) {
	const whole = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630947 31070465 \n" +
		"Reading: 6 Writing: 179 Waiting: 106 \n"
	var b ledger.FrontBeat
	if err := parseStatus(whole, &b); err != nil ||
		b != (ledger.FrontBeat{Seen: true, Requests: 31070465, Accepted: 16630948, Active: 291, Waiting: 106}) {
		t.Errorf("%+v %v", b, err)
	}
	for _, odd := range []string{"", "Active connections: 291 \n", whole[:90], "<html>", "Active connections: -1 \n" + whole[24:]} {
		b = ledger.FrontBeat{Flags: 3}
		if err := parseStatus(odd, &b); !errors.Is(err, errStatus) || b != (ledger.FrontBeat{Flags: 3}) {
			t.Errorf("%q: %+v %v", odd, b, err)
		}
	}
}

// The gate reads the status over TLS, too, whatever the name in the certificate is. An nginx that hangs costs it little time.
func TestFrontOverTLS(t *testing.T) {
	hangs := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hangs":
			<-hangs
		case "/refused":
			w.WriteHeader(http.StatusForbidden)
		default:
			_, _ = fmt.Fprint(w, "Active connections: 2 \nserver accepts handled requests\n 7 7 9 \nReading: 0 Writing: 1 Waiting: 1 \n")
		}
	}))
	defer server.Close()
	defer close(hangs)
	for path, well := range map[string]bool{"/status": true, "/refused": false, "/hangs": false} {
		f, b := newFront(server.URL+path), ledger.FrontBeat{}
		err := f.read(t.Context(), &b)
		f.close()
		if well != (err == nil) || b.Seen != well || well && b.Requests != 8 {
			t.Errorf("%s: %+v %v", path, b, err)
		}
	}
}

// The gate's own questions are no requests of buyers, and an nginx that starts anew counts from 0.
func TestFrontWithoutTheGatesOwnQuestions(t *testing.T) {
	var counted atomic.Uint64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "Active connections: 2 \nserver accepts handled requests\n 7 7 %d \nReading: 0 Writing: 1 Waiting: 1 \n",
			counted.Add(1))
	}))
	defer server.Close()
	f := newFront(server.URL)
	defer f.close()
	read := func(want uint64) {
		t.Helper()
		var b ledger.FrontBeat
		if err := f.read(t.Context(), &b); err != nil || b.Requests != want {
			t.Errorf("%+v %v, want %d", b, err, want)
		}
	}
	read(0)
	counted.Add(500) // buyers
	read(500)
	read(500)
	counted.Store(20)
	read(20)
	read(20)
}
