package answer

import (
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/sales"
)

var (
	jsonType     = []byte("application/json")
	problemType  = []byte("application/problem+json")
	retryAfter   = []byte(fasthttp.HeaderRetryAfter)
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

// Stock answers with a sale. It does not allocate once fasthttp's buffers are warm.
func Stock(to *fasthttp.Response, shown sales.Shown) {
	var room [256]byte
	to.Header.SetContentTypeBytes(jsonType)
	to.Header.SetCanonical(ageHeader, strconv.AppendInt(room[:0], int64(shown.Age/time.Second), 10))
	to.AppendBody(shown.Head)
	text := appendClock(strconv.AppendInt(room[:0], shown.Age.Milliseconds(), 10), shown.Now)
	if shown.Opens > shown.Now {
		text = strconv.AppendInt(append(text, `,"opens_in_ms":`...), millisecondsUntil(shown.Now, shown.Opens), 10)
	}
	if shown.Closes > shown.Now {
		text = strconv.AppendInt(append(text, `,"closes_in_ms":`...), millisecondsUntil(shown.Now, shown.Closes), 10)
	}
	to.AppendBody(append(text, '}'))
}

// appendClock appends the store's clock, in microseconds, as a field of a JSON object.
func appendClock(text []byte, now int64) []byte {
	text = time.UnixMicro(now).UTC().AppendFormat(append(text, `,"server_time":"`...), clockFormat)
	return append(text, '"')
}

// clockFormat is RFC 3339 with milliseconds.
const clockFormat = "2006-01-02T15:04:05.000Z"

func retryIn(to *fasthttp.Response, seconds int64) {
	var room [20]byte
	to.Header.SetCanonical(retryAfter, strconv.AppendInt(room[:0], seconds, 10))
}

// millisecondsUntil is the time from now to then, rounded up, and at least 1. Both times are microseconds.
func millisecondsUntil(now, then int64) int64 { return max((then-now+999)/1000, 1) }

// secondsUntil is the time from now to then in whole seconds, rounded up, and at least 1. Both times are microseconds.
func secondsUntil(now, then int64) int64 { return max((then-now+999_999)/1_000_000, 1) }
