package edge

import (
	"slices"

	"github.com/valyala/fasthttp"
)

// cors lets pages of other sites buy here: browsers ask before they send what a form could not, and keep an answer from a page
// that it does not name. Where nginx stands in front it says all of this, by its topology, and edges hear no Origin.
type cors struct{ origins []string }

// What pages may send and read. Cookies are none of it: nobody is known by them here.
const (
	corsMethods = "GET, HEAD, POST"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
	corsExposed = "Allow, ETag, Retry-After, WWW-Authenticate"
	corsMaxAge  = "600" // seconds
)

// newCORS is nil where no site is allowed.
func newCORS(origins []string) *cors {
	if len(origins) == 0 {
		return nil
	}
	return &cors{origins}
}

// origin is the site that asks, if it may.
func (c *cors) origin(q *fasthttp.Request) string {
	asks := q.Header.Peek(fasthttp.HeaderOrigin)
	if i := slices.IndexFunc(c.origins, func(o string) bool { return o == string(asks) }); i >= 0 {
		return c.origins[i]
	}
	return ""
}

// preflight answers a browser that asks whether a page may send a request; false: it is none, or of a site that may not.
func (c *cors) preflight(q *fasthttp.Request, to *fasthttp.Response) bool {
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

// mark lets the page of an allowed site read the answer.
func (c *cors) mark(q *fasthttp.Request, to *fasthttp.Response) {
	to.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	if origin := c.origin(q); origin != "" {
		to.Header.Set(fasthttp.HeaderAccessControlAllowOrigin, origin)
		to.Header.Set(fasthttp.HeaderAccessControlExposeHeaders, corsExposed)
	}
}
