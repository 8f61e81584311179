package edge

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/internal/storetest"
)

// The refreshers end with the server, and testServer waits for them.
func TestSnapshotsEndWithTheServer(t *testing.T) {
	w := &storetest.Watched{Store: storetest.Embedded(t, 10, 0)}
	t.Run("server", func(t *testing.T) {
		s := testServer(t, testConfig(), w)
		if _, err := s.snapshots.Show([]byte("ticket")); err != nil {
			t.Fatal(err)
		}
	})
	n := w.Shows.Load()
	time.Sleep(2 * time.Second)
	if w.Shows.Load() != n {
		t.Error("somebody still looks")
	}
}

func TestStockMethods(t *testing.T) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 10, time.Minute))
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		ctx := ask(s, method, "/v1/sales/ticket")
		allow := string(ctx.Response.Header.Peek("Allow"))
		if ctx.Response.StatusCode() != want || (allow == "GET, HEAD") != (want == 405) {
			t.Errorf("%s: %s", method, &ctx.Response)
		}
	}
}

// reader is a warm connection that reads one sale's stock again and again.
func reader(t testing.TB) (read func(), ctx *fasthttp.RequestCtx) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 10, time.Minute))
	ctx = buyer("/v1/sales/ticket")
	return func() { s.serveOne(ctx) }, ctx
}

func BenchmarkSnapshot(b *testing.B) {
	read, _ := reader(b)
	read()
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}
