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

// Anonymous says that a request has none of these headers. It does not allocate.
func Anonymous(h *fasthttp.RequestHeader) bool {
	for name := range h.All() {
		if callers(name) != isNone {
			return false
		}
	}
	return true
}

// The caller's headers.
const (
	isNone = iota
	isBuyer
	isBearer
	isKey
	ofCaller
)

// callers says which of the caller's headers a name is. fasthttp has normalised the name's case before.
func callers(name []byte) int {
	switch len(name) {
	case len(headerBuyer):
		if string(name) == headerBuyer {
			return isBuyer
		}
	case len(headerBearer):
		if string(name) == headerBearer {
			return isBearer
		}
	case len(headerKey):
		if string(name) == headerKey {
			return isKey
		}
	}
	return isNone
}

// callerHeaders is the values of the caller's headers. nil means that the header is missing, which differs from an empty header.
// The values lie in fasthttp's buffers.
type callerHeaders struct{ buyer, bearer, key []byte }

// readCaller reads only the header section. fasthttp's Peek also reads trailers, which come after the part that a proxy has
// checked.
func readCaller(h *fasthttp.RequestHeader) (callerHeaders, error) {
	var found [ofCaller][]byte
	for name, value := range h.All() {
		i := callers(name)
		if i == isNone {
			continue
		}
		if found[i] != nil {
			wrong := ErrIdentity
			if i == isKey {
				wrong = ErrIdempotencyKey
			}
			return callerHeaders{}, fmt.Errorf("%w: %s is there twice", wrong, name)
		}
		if found[i] = value; value == nil {
			found[i] = []byte{}
		}
	}
	return callerHeaders{buyer: found[isBuyer], bearer: found[isBearer], key: found[isKey]}, nil
}
