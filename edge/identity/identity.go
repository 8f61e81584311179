// Package identity reads who buys from a request's headers, and under which Idempotency-Key: a trusted proxy's X-Buyer-Id, a
// verified JWT, or nobody. A header that is there twice, or that cannot be read, is an error: nobody is guessed at.
package identity

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"spike/luascripts/ledger"
)

// ErrIdentity says that a request does not say clearly who buys: 400.
var ErrIdentity = errors.New("not a usable identity")

// maxBuyerID is the longest a buyer's id may be, in bytes.
const maxBuyerID = 256

// Identity is who buys: the zero value is somebody whom nobody vouches for.
type Identity struct {
	Buyer ledger.Buyer
	Known bool
	Key   ledger.IdempotencyKey // zero: none was sent
}

// BuyerOf is what tokens, ledger and orders call the buyer with this id: the first 8 bytes of the id's SHA-256. In
// PostgreSQL, where ids are text: substr(sha256(convert_to(id, 'UTF8')), 1, 8). All zeros would mean "anonymous", so
// the one id in 2^64 that hashes to it is called 0000000000000001.
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

// Who tells who sent a request. Safe for concurrent use.
type Who struct {
	trusted []netip.Prefix
	jwt     atomic.Pointer[JWTKey]
}

// TrustedByDefault are the networks whose X-Buyer-Id is believed where none are given: this machine's own.
func TrustedByDefault() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// NewWho believes X-Buyer-Id of peers in the trusted networks, and JWTs under the key; nil: Authorization is ignored.
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

// Identify says who sent the request, and under which Idempotency-Key. A JWT is believed wherever it comes from and, where keys
// are configured, must be valid if there is one: ErrJWT. Else it is whom a trusted peer names in X-Buyer-Id; a stranger's
// X-Buyer-Id means nothing. The same id is the same buyer both ways. ErrIdentity, ErrIdempotencyKey: not to be guessed at.
func (w *Who) Identify(h *fasthttp.RequestHeader, peer net.Addr) (Identity, error) {
	sent, err := readCaller(h)
	if err != nil {
		return Identity{}, err
	}
	who, err := w.buyer(sent, peer)
	if err != nil {
		return Identity{}, err
	}
	who.Key, err = idempotencyKey(sent.key, who)
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
	addr, _ := netip.AddrFromSlice(tcp.IP)
	addr = addr.Unmap()
	for _, p := range w.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func isBuyerID[text string | []byte](id text) bool {
	if len(id) == 0 || len(id) > maxBuyerID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
