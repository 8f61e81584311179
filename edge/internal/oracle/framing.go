package oracle

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// A request that says twice how long it is, by Content-Length and in chunks, may mean two things to two servers. fasthttp reads
// the chunks and forgets the rest.

// doublyFramed is where such a request is sent: to no path that a client could ask for.
const doublyFramed = "/ doubly framed"

var lengthLine = []byte("content-length:")

// framing looks at the headers before the body is read. For nearly all requests it is one comparison.
func framing(h *fasthttp.RequestHeader) (as fasthttp.RequestConfig) {
	if h.ContentLength() != -1 {
		return as
	}
	for line := range bytes.Lines(h.RawHeaders()) {
		if len(line) >= len(lengthLine) && bytes.EqualFold(line[:len(lengthLine)], lengthLine) {
			h.SetRequestURI(doublyFramed)
			h.SetConnectionClose()
		}
	}
	return as
}

// isDoublyFramed answers such a request, and ends its connection.
func isDoublyFramed(ctx *fasthttp.RequestCtx) bool {
	if string(ctx.Request.Header.RequestURI()) != doublyFramed {
		return false
	}
	ctx.SetConnectionClose()
	problem(ctx, fasthttp.StatusBadRequest, "malformed", "Content-Length and Transfer-Encoding do not go together")
	return true
}
