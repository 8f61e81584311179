package edge

import (
	"slices"

	"github.com/valyala/fasthttp"
)

// cors lets pages of other sites buy here. A browser asks before it sends a request that a form could not send, and hides an
// answer from a page that the answer does not allow. Behind nginx, nginx does all this by its topology, and edges get no Origin.
type cors []string

// Methods and headers that pages may use. There are no cookies, because no buyer is known by them here.
const (
	corsMethods = "GET, HEAD, POST"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
	corsExposed = "Allow, ETag, Retry-After, WWW-Authenticate"
	corsMaxAge  = "600" // seconds
)

// origin is the site of the page that asks, or "" if that site is not allowed.
func (c cors) origin(q *fasthttp.Request) string {
	asks := q.Header.Peek(fasthttp.HeaderOrigin)
	if i := slices.IndexFunc(c, func(o string) bool { return o == string(asks) }); i >= 0 {
		return c[i]
	}
	return ""
}

// preflight answers a browser that asks whether a page may send a request. It is false if the request is no such question, or if
// the page's site is not allowed.
func (c cors) preflight(q *fasthttp.Request, to *fasthttp.Response) bool {
	h := &q.Header
	if !h.IsOptions() || len(h.Peek(fasthttp.HeaderAccessControlRequestMethod)) == 0 || c.origin(q) == "" {
		return false
	}
	to.SetStatusCode(fasthttp.StatusNoContent)
	to.Header.Set(fasthttp.HeaderAccessControlAllowMethods, corsMethods)
	to.Header.Set(fasthttp.HeaderAccessControlAllowHeaders, corsHeaders)
	to.Header.Set(fasthttp.HeaderAccessControlMaxAge, corsMaxAge)
	return true
}

// mark lets pages of an allowed site read the answer.
func (c cors) mark(q *fasthttp.Request, to *fasthttp.Response) {
	to.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	if origin := c.origin(q); origin != "" {
		to.Header.Set(fasthttp.HeaderAccessControlAllowOrigin, origin)
		to.Header.Set(fasthttp.HeaderAccessControlExposeHeaders, corsExposed)
	}
}
