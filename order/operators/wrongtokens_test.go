package operators

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/order/loopback"
)

// Many wrong tokens wait, on each guarded path. The right one does not, and a caller without a token is refused at once.
func TestWrongTokensWait(t *testing.T) {
	for _, path := range []string{"/metrics", "/api/v1/any"} {
		synctest.Test(t, func(t *testing.T) {
			side := Side{Tokens: loopback.NewTokens("right"), Metrics: prometheus.NewRegistry(), API: http.NotFoundHandler(),
				Ready: func(context.Context) (why, remark string) { return "", "" }}.Handler()
			ask := func(auth string) (status int, took time.Duration) {
				r, w, start := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder(), time.Now()
				if auth != "" {
					r.Header.Set("Authorization", "Bearer "+auth)
				}
				side.ServeHTTP(w, r)
				return w.Code, time.Since(start)
			}
			for range WrongAtOnce {
				if status, took := ask("wrong"); status != 401 || took != 0 {
					t.Fatalf("%s: a few wrong ones: %d after %v", path, status, took)
				}
			}
			if status, took := ask("wrong"); status != 401 || took == 0 {
				t.Errorf("%s: one too many: %d after %v", path, status, took)
			}
			if status, took := ask("right"); status == 401 || took != 0 {
				t.Errorf("%s: the right one: %d after %v", path, status, took)
			}
			if status, took := ask(""); status != 401 || took != 0 {
				t.Errorf("%s: none: %d after %v", path, status, took)
			}
		})
	}
}
