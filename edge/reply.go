package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/allotment"
	"spike/edge/listener"
	"spike/edge/token"
	"spike/luascripts"
)

// MaxUnits is the most one buy may ask for.
const MaxUnits = luascripts.MaxUnits

var (
	jsonType    = []byte("application/json")
	problemType = []byte("application/problem+json")
	retryAfter  = []byte(fasthttp.HeaderRetryAfter)
	oneSecond   = []byte("1")

	cacheControl = []byte(fasthttp.HeaderCacheControl)
	noStore      = []byte("no-store")
)

// forbidStoring keeps an answer out of every cache on its way: another buyer must not hear it.
func forbidStoring(ctx *fasthttp.RequestCtx) { ctx.Response.Header.SetCanonical(cacheControl, noStore) }

// answer is a reply that is the same for everybody.
type answer struct {
	status int
	kind   []byte // content type
	retry  []byte // Retry-After in seconds, nil for none
	body   []byte
}

// send writes a prepared answer. Its body is never changed, so it need not be copied.
func (a *answer) send(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetContentTypeBytes(a.kind)
	if a.status != fasthttp.StatusOK {
		ctx.Response.SetStatusCode(a.status)
	}
	if a.retry != nil {
		ctx.Response.Header.SetCanonical(retryAfter, a.retry)
	}
	ctx.Response.SetBodyRaw(a.body)
}

// frame is what stands around a reservation in an answer.
type frame struct {
	status     int
	kind       []byte
	head, tail []byte // JSON up to the sale's name, and after the reservation
}

// send tells of a reservation: no allocation once fasthttp's buffer is warm.
func (f *frame) send(ctx *fasthttp.RequestCtx, signer *token.Signer, sale *Sale, sold *allotment.Sold) {
	var room [1024]byte
	b := append(room[:0], f.head...)
	b = append(b, sale.name...)
	b = append(b, `","serial":`...)
	b = strconv.AppendUint(b, uint64(sold.Serial), 10)
	if sold.Count > 1 {
		b = append(b, `,"count":`...)
		b = strconv.AppendUint(b, uint64(sold.Count), 10)
	}
	b = append(b, `,"token":"`...)
	b = signer.Append(b, sale.birth, &sold.Claim)
	if sale.hold > 0 {
		b = append(b, `","expires_at":"`...)
		b = time.UnixMicro(sold.Until).UTC().AppendFormat(b, time.RFC3339)
	}
	b = append(b, f.tail...)
	if f.status != fasthttp.StatusOK {
		ctx.Response.SetStatusCode(f.status)
	}
	ctx.Response.Header.SetContentTypeBytes(f.kind)
	ctx.Response.AppendBody(b)
}

// details are an error after RFC 9457, with a code that does not change.
type details struct {
	Type         string     `json:"type"`
	Title        string     `json:"title"`
	Status       int        `json:"status"`
	Code         string     `json:"code"`
	Detail       string     `json:"detail"`
	RetryAfterMS int64      `json:"retry_after_ms,omitempty"`
	Opens        *time.Time `json:"opens,omitempty"`
}

func detailsOf(status int, code, detail string) details {
	return details{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func (d details) body() []byte {
	body, _ := json.Marshal(d) // strings, numbers and a time of this century: cannot fail
	return body
}

func problemBody(status int, code, detail string) []byte {
	return detailsOf(status, code, detail).body()
}

// problem sends an error.
func problem(ctx *fasthttp.RequestCtx, status int, code, detail string) {
	ctx.Response.Reset()
	ctx.Response.SetStatusCode(status)
	ctx.Response.Header.SetContentTypeBytes(problemType)
	ctx.Response.SetBody(problemBody(status, code, detail))
}

// tooMany answers who has one connection too many.
var tooMany = listener.Refusals{
	Here: refusal(429, "too_many_connections", "there are too many connections from your address"),
	All:  refusal(503, "too_many_connections", "there are too many connections"),
}

func refusal(status int, code, detail string) []byte {
	d := detailsOf(status, code, detail)
	d.RetryAfterMS = time.Second.Milliseconds()
	body := d.body()
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: spike\r\nContent-Type: %s\r\nContent-Length: %d\r\nRetry-After: 1\r\n"+
		"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s", status, d.Title, problemType, len(body), body)
}
