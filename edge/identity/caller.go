package identity

import (
	"fmt"

	"github.com/valyala/fasthttp"
)

// The headers by which a request says more than "one, please". Whoever sends one of them twice is refused: a proxy and
// an edge could each believe another one.
const (
	headerBuyer  = "X-Buyer-Id"
	headerBearer = fasthttp.HeaderAuthorization
	headerKey    = "Idempotency-Key"
)

// Anonymous says that a request has none of these headers, as nearly all of a spike's have not. It does not allocate.
func Anonymous(h *fasthttp.RequestHeader) bool {
	for name := range h.All() {
		if callers(name) != isNone {
			return false
		}
	}
	return true
}

// Which of the caller's headers a name is.
const (
	isNone = iota
	isBuyer
	isBearer
	isKey
	ofCaller
)

// callers knows names as fasthttp writes them; in whatever case they came, it makes them X-Buyer-Id and so on.
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

// callerHeaders are a request's own; nil: not there, which is not the same as empty. They lie in fasthttp's buffers.
type callerHeaders struct{ buyer, bearer, key []byte }

// readCaller finds them in the header section alone: fasthttp's Peek also looks at trailers, which come after what
// a proxy has checked.
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
