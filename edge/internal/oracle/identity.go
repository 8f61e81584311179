package oracle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"spike/luascripts"
)

// ErrIdentity says that a request does not say clearly who buys: 400.
var ErrIdentity = errors.New("not a usable identity")

// maxBuyerID is the longest a buyer's id may be, in bytes.
const maxBuyerID = 256

// Identity is who buys: the zero value is somebody whom nobody vouches for.
type Identity struct {
	Buyer luascripts.Buyer
	Known bool
}

// BuyerOf is what tokens, ledger and orders call the buyer with this id: the first 8 bytes of the id's SHA-256. In
// PostgreSQL, where ids are text: substr(sha256(convert_to(id, 'UTF8')), 1, 8). All zeros would mean "anonymous", so
// the one id in 2^64 that hashes to it is called 0000000000000001.
func BuyerOf(id []byte) luascripts.Buyer {
	sum := sha256.Sum256(id)
	return nonZero(luascripts.Buyer(sum[:8]))
}

func nonZero(b luascripts.Buyer) luascripts.Buyer {
	if b == (luascripts.Buyer{}) {
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

// of says who sent the request. A JWT is believed wherever it comes from and, where keys are configured, must be valid
// if there is one: ErrJWT. Else it is whom a trusted peer names in X-Buyer-Id; a stranger's X-Buyer-Id means nothing.
// The same id is the same buyer both ways. ErrIdentity: not to be guessed at.
func (w *Who) of(ctx *fasthttp.RequestCtx) (Identity, error) {
	h, err := readCaller(&ctx.Request.Header)
	if err != nil {
		return Identity{}, err
	}
	if key := w.jwt.Load(); h.bearer != nil && key != nil {
		id, err := key.subject(h.bearer)
		if err != nil {
			return Identity{}, err
		}
		return Identity{Buyer: BuyerOf([]byte(id)), Known: true}, nil
	}
	if h.buyer == nil || !w.trusts(ctx.RemoteAddr()) {
		return Identity{}, nil
	}
	if !isBuyerID(h.buyer) {
		return Identity{}, fmt.Errorf("%w: %s is 1 to %d bytes without control characters", ErrIdentity, headerBuyer, maxBuyerID)
	}
	return Identity{Buyer: BuyerOf(h.buyer), Known: true}, nil
}

// trusts says whether the peer may name buyers. An IPv4 peer of an IPv6 socket is an IPv4 peer.
func (w *Who) trusts(peer net.Addr) bool {
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
