package edge

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"spike/edge/identity"
	"spike/edge/internal/storetest"
)

// Row D12: a request with a refused JWT gets 401, and is counted.
func TestD12RefusedJWTIsCounted(t *testing.T) {
	key, err := identity.ParseJWTKey(jwtSecret)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.JWT = key
	s := testServer(t, cfg, storetest.Embedded(t, 10, time.Minute))
	for range 3 {
		ctx := from(t, mustReceive(t, "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a.b.c\r\n\r\n"))
		if s.handle(ctx); ctx.Response.StatusCode() != 401 || !bytes.Contains(ctx.Response.Body(), []byte("bad_token")) {
			t.Errorf("%s", &ctx.Response)
		}
	}
	_, metrics := hear(s.operators().Handler(), httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
	if line := "spike_jwt_refused_total{reason=\"malformed\"} 3\n"; !strings.Contains(string(metrics), line) {
		t.Errorf("not there: %s", line)
	}
}
