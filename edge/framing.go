package edge

import (
	"bytes"
	"errors"
	"net"

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

func malformed(why string) answer.Reply {
	return answer.NewProblem(fasthttp.StatusBadRequest, "malformed", why).Reply()
}

// unread answers a request that fasthttp could not read.
func unread(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	r := malformed("this is not an HTTP request")
	switch {
	case errors.As(err, &small):
		r = answer.NewProblem(fasthttp.StatusRequestHeaderFieldsTooLarge, "header_too_large", "headers are at most 8 KiB").Reply()
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		r = answer.NewProblem(fasthttp.StatusRequestEntityTooLarge, "body_too_large", "bodies are at most 16 KiB").Reply()
	case errors.As(err, &timeout) && timeout.Timeout():
		r = answer.NewProblem(fasthttp.StatusRequestTimeout, "too_slow", "the request did not come whole in time").Reply()
	}
	send(&ctx.Response, r)
	answer.ForbidStoring(&ctx.Response)
}
