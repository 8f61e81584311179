package crowd

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// One request and its answer, server included: client and server share this process.
func BenchmarkRequest(b *testing.B) {
	l := serve(b, func(c *fasthttp.RequestCtx) { c.SetBodyString(`{"code":-1,"msg":"sold out"}`) })
	b.ReportAllocs()
	r, err := Run(b.Context(), Options{URLs: []string{l}, Connections: 32, Requests: int64(b.N)})
	if err != nil || r.Answered != int64(b.N) {
		b.Fatal(r, err)
	}
}
