package check

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"spike/bench"
)

func TestReady(t *testing.T) {
	why := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch {
		case q.URL.Path != "/readyz":
			t.Error(q.URL.Path)
		case why != "":
			http.Error(w, why, http.StatusServiceUnavailable)
		}
	}))
	addr := s.Listener.Addr().String()
	if f, err := Ready(t.Context(), addr); err != nil || f.Level == Failed {
		t.Error(f, err)
	}
	why = "store: gone"
	if f, err := Ready(t.Context(), addr); err != nil || f.Level != Failed || !strings.Contains(f.String(), why) {
		t.Error(f, err)
	}
	s.Close()
	if f, err := Ready(t.Context(), addr); !errors.Is(err, bench.ErrDependency) {
		t.Error(f, err)
	}
	if f, err := Ready(t.Context(), "3006"); !errors.Is(err, bench.ErrUsage) {
		t.Error(f, err)
	}
}
