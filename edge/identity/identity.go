// Package identity reads the buyer and the Idempotency-Key from a request's headers. The buyer is named by a verified JWT or by a
// trusted proxy's X-Buyer-Id, or is anonymous. A header that is there twice or that cannot be read is an error, because the edge
// must not guess a buyer.
package identity

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"spike/luascripts/ledger"
)

// ErrIdentity says that a request does not name its buyer clearly: 400.
var ErrIdentity = errors.New("not a usable identity")

// maxBuyerID is the greatest length of a buyer's id, in bytes.
const maxBuyerID = 256

// Identity is the buyer of a request. The zero value is an anonymous buyer.
type Identity struct {
	Buyer ledger.Buyer
	Known bool
	Key   ledger.IdempotencyKey // zero: none was sent
}

// BuyerOf is the name of a buyer in tokens, ledger and orders: the first 8 bytes of the SHA-256 of its id. In PostgreSQL, where
// ids are text, that is substr(sha256(convert_to(id, 'UTF8')), 1, 8). All zeros means "anonymous", so an id that hashes to zeros
// is called 0000000000000001.
func BuyerOf(id []byte) ledger.Buyer {
	sum := sha256.Sum256(id)
	return nonZero(ledger.Buyer(sum[:8]))
}

func nonZero(b ledger.Buyer) ledger.Buyer {
	if b == (ledger.Buyer{}) {
		b[len(b)-1] = 1
	}
	return b
}

// Who identifies the senders of requests. It is safe for concurrent use.
type Who struct {
	trusted []netip.Prefix
	jwt     atomic.Pointer[JWTKey]
}

// TrustedByDefault is this machine's own networks. Their X-Buyer-Id is believed if no networks are given.
func TrustedByDefault() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// NewWho believes the X-Buyer-Id of peers in the trusted networks, and JWTs under the key. Without a key it ignores
// Authorization.
func NewWho(trusted []netip.Prefix, key *JWTKey) *Who {
	w := &Who{}
	w.jwt.Store(key)
	for _, p := range trusted {
		const mapped = 96 // bits before the IPv4 address in ::ffff:a.b.c.d
		if p.Addr().Is4In6() && p.Bits() >= mapped {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
		}
		w.trusted = append(w.trusted, p)
	}
	return w
}

// SetJWT changes the key of JWTs.
func (w *Who) SetJWT(key *JWTKey) { w.jwt.Store(key) }

// Identify reads the buyer and the Idempotency-Key of a request. If JWTs are configured and the request has one, the JWT names
// the buyer, and must be valid: ErrJWT. Otherwise X-Buyer-Id names the buyer if the peer is trusted, and means nothing if it is
// not. The same id names the same buyer both ways. ErrIdentity and ErrIdempotencyKey say that a header cannot be used.
func (w *Who) Identify(h *fasthttp.RequestHeader, peer net.Addr) (Identity, error) {
	sent, err := readCaller(h)
	if err != nil {
		return Identity{}, err
	}
	return w.identify(sent, peer)
}

// IdentifyPlain is Identify for a request without a JWT, whose X-Buyer-Id and Idempotency-Key have these values, or nil if it has
// none. It allocates only for an error.
func (w *Who) IdentifyPlain(buyer, key []byte, peer net.Addr) (Identity, error) {
	return w.identify(callerHeaders{buyer: buyer, key: key}, peer)
}

func (w *Who) identify(sent callerHeaders, peer net.Addr) (who Identity, err error) {
	if who, err = w.buyer(sent, peer); err == nil {
		who.Key, err = idempotencyKey(sent.key, who)
	}
	return who, err
}

func (w *Who) buyer(sent callerHeaders, peer net.Addr) (Identity, error) {
	if key := w.jwt.Load(); sent.bearer != nil && key != nil {
		id, err := key.subject(sent.bearer)
		if err != nil {
			return Identity{}, err
		}
		return Identity{Buyer: BuyerOf([]byte(id)), Known: true}, nil
	}
	if sent.buyer == nil || !w.Trusts(peer) {
		return Identity{}, nil
	}
	if !isBuyerID(sent.buyer) {
		return Identity{}, fmt.Errorf("%w: %s is 1 to %d bytes without control characters", ErrIdentity, headerBuyer, maxBuyerID)
	}
	return Identity{Buyer: BuyerOf(sent.buyer), Known: true}, nil
}

// Trusts says whether the peer may name buyers. An IPv4 peer of an IPv6 socket is an IPv4 peer.
func (w *Who) Trusts(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(w.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func isBuyerID(id []byte) bool {
	control := func(c byte) bool { return c < ' ' || c == 0x7f }
	return len(id) > 0 && len(id) <= maxBuyerID && !slices.ContainsFunc(id, control)
}
