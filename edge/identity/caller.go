package identity

import (
	"fmt"

	"github.com/valyala/fasthttp"
)

// These headers say who buys, and under which key. A request with one of them twice is refused, because a proxy and an edge could
// each believe another one.
const (
	headerBuyer  = "X-Buyer-Id"
	headerBearer = fasthttp.HeaderAuthorization
	headerKey    = "Idempotency-Key"
)

// callerHeaders is the values of these headers. nil means that the header is missing, which differs from an empty header. The
// values lie in fasthttp's buffers.
type callerHeaders struct{ buyer, bearer, key []byte }

// at is the place of a header's value; nil: the header is none of the caller's. fasthttp has normalised the name's case before.
func (c *callerHeaders) at(name []byte) *[]byte {
	switch string(name) {
	case headerBuyer:
		return &c.buyer
	case headerBearer:
		return &c.bearer
	case headerKey:
		return &c.key
	}
	return nil
}

// Anonymous says that a request has none of these headers. It does not allocate.
func Anonymous(h *fasthttp.RequestHeader) bool {
	var none callerHeaders
	for name := range h.All() {
		if none.at(name) != nil {
			return false
		}
	}
	return true
}

// readCaller reads only the header section. fasthttp's Peek also reads trailers, which come after the part that a proxy has
// checked.
func readCaller(h *fasthttp.RequestHeader) (sent callerHeaders, err error) {
	for name, value := range h.All() {
		switch at := sent.at(name); {
		case at == nil:
		case *at == nil:
			if *at = value; value == nil {
				*at = []byte{}
			}
		case at == &sent.key:
			return callerHeaders{}, fmt.Errorf("%w: %s is there twice", ErrIdempotencyKey, name)
		default:
			return callerHeaders{}, fmt.Errorf("%w: %s is there twice", ErrIdentity, name)
		}
	}
	return sent, nil
}
