package answer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/identity"
	"spike/luascripts/ledger"
)

// Problem is an error after RFC 9457, with a code that does not change.
type Problem struct {
	Type         string `json:"type"`
	Title        string `json:"title"`
	Status       int    `json:"status"`
	Code         string `json:"code"`
	Detail       string `json:"detail"`
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
}

// NewProblem is a problem with this HTTP status.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Soon says that the client may ask again after a second.
func (p *Problem) Soon() *Problem {
	p.RetryAfterMS = time.Second.Milliseconds()
	return p
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

func (p *Problem) body() []byte {
	body, _ := json.Marshal(p) // strings and numbers: cannot fail
	return body
}

// Reply is the answer.
func (p *Problem) Reply() Reply {
	r := Reply{Status: p.Status, Kind: problemType, Body: p.body()}
	if p.RetryAfterMS > 0 {
		r.Retry = strconv.AppendInt(nil, (p.RetryAfterMS+999)/1000, 10)
	}
	return r
}

// Raw is the answer to a connection that is turned away, as bytes.
func (p *Problem) Raw() []byte {
	body := p.body()
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: spike\r\nContent-Type: %s\r\nContent-Length: %d\r\nRetry-After: 1\r\n"+
		"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s", p.Status, p.Title, problemType, len(body), body)
}

// NotAllowed names the methods that the path allows.
func NotAllowed(methods ...string) Reply {
	allow := strings.Join(methods, ", ")
	return NewProblem(http.StatusMethodNotAllowed, "method_not_allowed", "this is "+allow).Reply().With("Allow", allow)
}

// Unread answers a request that did not come whole. malformed is what is wrong if its sizes and its time were right.
func Unread(err error, malformed string) Reply {
	_, small := errors.AsType[*fasthttp.ErrSmallBuffer](err)
	_, large := errors.AsType[*http.MaxBytesError](err)
	broken, fails := errors.AsType[net.Error](err)
	switch {
	case small:
		return NewProblem(http.StatusRequestHeaderFieldsTooLarge, "header_too_large", "headers are at most 8 KiB").Reply()
	case large || errors.Is(err, fasthttp.ErrBodyTooLarge):
		return NewProblem(http.StatusRequestEntityTooLarge, "body_too_large", "bodies are at most 16 KiB").Reply()
	case fails && broken.Timeout():
		return NewProblem(http.StatusRequestTimeout, "too_slow", "the request did not come whole in time").Reply()
	}
	return NewProblem(http.StatusBadRequest, "malformed", malformed).Reply()
}

// noBuyer answers a request that must say who sends it.
var noBuyer = NewProblem(http.StatusUnauthorized, "no_buyer",
	"this sale must know its buyers: say who you are, in X-Buyer-Id through a trusted proxy, or by a JWT")

// ErrNoReservation answers every token that is not good, or not good any more. It does not say why.
var ErrNoReservation = NewProblem(http.StatusNotFound, "no_such_reservation", "there is no such reservation")

// Of is the answer to an error. A Problem is its own answer. An error that is not known here means that the store does not
// answer.
func Of(err error) Reply {
	own, is := errors.AsType[*Problem](err)
	refusal, refuses := errors.AsType[*ledger.Refusal](err)
	switch {
	case is:
		return own.Reply()
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, ledger.ErrName):
		return NewProblem(http.StatusNotFound, "no_such_sale", "there is no such sale").Reply()
	case errors.Is(err, ledger.ErrNoBuyer):
		return noBuyer.Reply()
	case errors.Is(err, ledger.ErrUnlisted):
		return NewProblem(http.StatusConflict, "not_listed",
			"only a sale with a limit per buyer knows which reservations a buyer has: yours have their tokens").Reply()
	case refuses:
		return refused(refusal.Why)
	case errors.Is(err, identity.ErrJWT):
		return NewProblem(http.StatusUnauthorized, "bad_token", "the bearer token is not valid").Reply().
			With("WWW-Authenticate", "Bearer")
	case errors.Is(err, identity.ErrIdempotencyKey):
		return NewProblem(http.StatusBadRequest, "bad_key", err.Error()).Reply()
	case errors.Is(err, identity.ErrIdentity):
		return NewProblem(http.StatusBadRequest, "bad_buyer", err.Error()).Reply()
	}
	return NewProblem(http.StatusServiceUnavailable, "undecided", "the store does not answer: ask again").Soon().Reply()
}

// refused answers a buy of a sale that makes no sense.
func refused(why string) Reply { return NewProblem(http.StatusConflict, "sale_refused", why).Reply() }
