package edge

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
)

// A request with both Content-Length and chunks may mean two things to two servers, so it is refused. fasthttp by itself would
// read the chunks and ignore the length.

// doublyFramed is the URI that such a request gets here. No client can ask for it.
const doublyFramed = "/ doubly framed"

var lengthLine = []byte("content-length:")

// framing checks the headers before the body is read. For nearly all requests that is one comparison.
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

func isDoublyFramed(h *fasthttp.RequestHeader) bool { return string(h.RequestURI()) == doublyFramed }

// unread answers a request that fasthttp could not read.
func unread(ctx *fasthttp.RequestCtx, err error) {
	send(&ctx.Response, answer.Unread(err, "this is not an HTTP request"))
	answer.ForbidStoring(&ctx.Response)
}
