package chaos

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// stall is a shop in one process. One of its answers to buys may break a promise.
type stall struct {
	twice, lies int // the number of the answer after which a paid unit is sold again, and of a "sold out" that is too early; 0: none

	mu    sync.Mutex
	n     int
	free  []int
	fate  map[string]string
	owned int // confirmed
	paid  int // the newest paid serial
}

const stallUnits = 60

func newStall() *stall {
	s := &stall{fate: map[string]string{}}
	for serial := range stallUnits {
		s.free = append(s.free, serial+1)
	}
	return s
}

func (s *stall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/buy/") {
		s.buy(w)
		return
	}
	_, rest, _ := strings.Cut(r.URL.Path, "/v1/reservations/")
	token, action, _ := strings.Cut(rest, "/")
	if s.fate[token] == "pending" {
		s.run(token, action)
	}
	_, _ = fmt.Fprintf(w, `{"state":%q}`, s.fate[token])
}

func (s *stall) run(token, action string) {
	var n, serial int
	_, _ = fmt.Sscanf(token, "t%d-%d", &n, &serial)
	switch action {
	case "confirm":
		s.fate[token] = "confirmed"
		s.owned, s.paid = s.owned+1, serial
	case "cancel":
		s.fate[token], s.free = "cancelled", append(s.free, serial)
	}
}

func (s *stall) buy(w http.ResponseWriter) {
	s.n++
	switch {
	case s.twice > 0 && s.n >= s.twice && s.paid > 0:
		s.twice = 0
		s.sell(w, s.paid)
	case s.n == s.lies || s.owned == stallUnits:
		_, _ = fmt.Fprint(w, `{"code":-1}`)
	case len(s.free) == 0:
		w.Header().Set("Retry-After", "1")
		_, _ = fmt.Fprint(w, `{"code":-1}`)
	default:
		serial := s.free[0]
		s.free = s.free[1:]
		s.sell(w, serial)
	}
}

func (s *stall) sell(w http.ResponseWriter, serial int) {
	token := fmt.Sprintf("t%d-%d", s.n, serial)
	s.fate[token] = "pending"
	until := time.Now().Add(2 * time.Second).Format(time.RFC3339)
	_, _ = fmt.Fprintf(w, `{"code":1,"data":{"serial":%d,"token":%q,"expires_at":%q}}`, serial, token, until)
}

// visit lets a crowd buy from a stall for a while, and returns the crowd's history.
func visit(t *testing.T, s http.Handler, limit int) []Op {
	t.Helper()
	var endpoints []Endpoint
	for _, name := range []string{"left", "right"} {
		server := httptest.NewServer(s)
		defer server.Close()
		addr := strings.TrimPrefix(server.URL, "http://")
		endpoints = append(endpoints, Endpoint{name, addr, addr})
	}
	c := Gather(context.Background(), Options{Sale: "x", Units: stallUnits,
		Endpoints: endpoints, Buyers: 4, Payers: 2, Pause: time.Millisecond, Timeout: time.Second, Seed: 1, Limit: limit})
	for end := time.Now().Add(4 * time.Second); (c.Sold() < 1 || !c.Idle()) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	c.End()
	if limit == 0 && c.Sold() < 1 { // nobody pays for the units that a stall without keys sells twice
		t.Fatalf("only %.0f %% were sold", 100*c.Sold())
	}
	return c.History.Ops()
}

// Crowd and judges are tested together. An honest stall passes. A stall that sells a unit twice, or says too early that all
// is sold, is found.
func TestCrowdFindsOutAStall(t *testing.T) {
	honest, double, lie := newStall(), newStall(), newStall()
	double.twice, lie.lies = 30, 20
	for _, c := range []struct {
		name  string
		stall *stall
		named string
	}{
		{"honest", honest, ""},
		{"sells twice", double, "has two owners"},
		{"lies", lie, "sold out for good was said when"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broken := strings.Join(Judge(visit(t, c.stall, 0), stallUnits), "\n")
			if !strings.Contains(broken, c.named) || c.named == "" && broken != "" {
				t.Errorf("found %q", broken)
			}
		})
	}
}
