package answer

import (
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

var (
	jsonType     = []byte("application/json")
	problemType  = []byte("application/problem+json")
	retryAfter   = []byte(fasthttp.HeaderRetryAfter)
	oneSecond    = []byte("1")
	ageHeader    = []byte(fasthttp.HeaderAge)
	cacheControl = []byte(fasthttp.HeaderCacheControl)
	noStore      = []byte("no-store")
)

// ForbidStoring keeps an answer out of every cache on its way.
func ForbidStoring(to *fasthttp.Response) { to.Header.SetCanonical(cacheControl, noStore) }

// Reply is an answer that is the same for everybody. Its bytes are never changed.
type Reply struct {
	Status int
	Kind   []byte    // content type
	Retry  []byte    // Retry-After in seconds; nil: none
	Header [2]string // name and value of one more header; no name: none
	Body   []byte
}

// With is the reply with one more header.
func (r Reply) With(name, value string) Reply {
	r.Header = [2]string{name, value}
	return r
}

// Send answers a buyer. The body is not copied.
func (r *Reply) Send(to *fasthttp.Response) {
	to.Header.SetContentTypeBytes(r.Kind)
	if r.Status != fasthttp.StatusOK {
		to.SetStatusCode(r.Status)
	}
	if r.Retry != nil {
		to.Header.SetCanonical(retryAfter, r.Retry)
	}
	if r.Header[0] != "" {
		to.Header.Set(r.Header[0], r.Header[1])
	}
	to.SetBodyRaw(r.Body)
}

// Write answers an operator.
func (r Reply) Write(to http.ResponseWriter) {
	to.Header().Set("Content-Type", string(r.Kind))
	if r.Retry != nil {
		to.Header().Set("Retry-After", string(r.Retry))
	}
	if r.Header[0] != "" {
		to.Header().Set(r.Header[0], r.Header[1])
	}
	to.WriteHeader(r.Status)
	_, _ = to.Write(r.Body)
}

// Stock answers with a sale: a JSON object up to its age, and that age. It does not allocate once fasthttp's buffers are warm.
func Stock(to *fasthttp.Response, head []byte, age time.Duration) {
	var room [20]byte
	to.Header.SetContentTypeBytes(jsonType)
	to.Header.SetCanonical(ageHeader, strconv.AppendInt(room[:0], int64(age/time.Second), 10))
	to.AppendBody(head)
	to.AppendBody(append(strconv.AppendInt(room[:0], age.Milliseconds(), 10), '}'))
}

func retryIn(to *fasthttp.Response, seconds int64) {
	var room [20]byte
	to.Header.SetCanonical(retryAfter, strconv.AppendInt(room[:0], seconds, 10))
}

// secondsUntil is the time from now to then in whole seconds, rounded up, and at least 1. Both times are microseconds.
func secondsUntil(now, then int64) int64 { return max((then-now+999_999)/1_000_000, 1) }
