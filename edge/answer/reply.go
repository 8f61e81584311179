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
	Retry  []byte    // Retry-After in seconds, nil for none
	Header [2]string // one more, if it has a name
	Body   []byte
}

// Send writes it to a buyer. The body is not copied.
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

// Write writes it to an operator.
func (r *Reply) Write(to http.ResponseWriter) {
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

// Stock writes a sale as it is shown: a JSON object up to its age. It does not allocate once fasthttp's buffers are warm.
func Stock(to *fasthttp.Response, head []byte, age time.Duration) {
	var room [20]byte
	to.Header.SetContentTypeBytes(jsonType)
	to.Header.SetCanonical(ageHeader, strconv.AppendInt(room[:0], int64(age/time.Second), 10))
	to.AppendBody(head)
	to.AppendBody(append(strconv.AppendInt(room[:0], age.Milliseconds(), 10), '}'))
}

// retryIn sets Retry-After.
func retryIn(to *fasthttp.Response, seconds int64) {
	var room [20]byte
	to.Header.SetCanonical(retryAfter, strconv.AppendInt(room[:0], seconds, 10))
}

// secondsUntil is whole seconds from now on, at least one.
func secondsUntil(now, then int64) int64 { return max((then-now+999_999)/1_000_000, 1) }
