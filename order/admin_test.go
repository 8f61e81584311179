package order

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A page of another site, under a name that points to this machine, reads nothing.
func TestOtherNamesAreRefused(t *testing.T) {
	store := newShop()
	store.sale(t, "a", 10, time.Hour)
	w, err := newWorker(Config{Batch: 1, pace: &brisk}, store, newSQLite(t), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"127.0.0.1:3007": 200, "localhost": 200, "[::1]:3007": 200,
		"evil.example:3007": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403, "": 403} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Host = host
		got := httptest.NewRecorder()
		w.side().Handler().ServeHTTP(got, r)
		if got.Code != want {
			t.Errorf("%q: %d, want %d", host, got.Code, want)
		}
	}
}
