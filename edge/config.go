package edge

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/edge/answer"
	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/order/loopback"
)

// Ack is when a buyer hears of its win.
type Ack string

// The Acks.
const (
	AckEdge  Ack = "edge"  // when the claim is in this edge's ring
	AckRedis Ack = "redis" // when the ledger has the claim
)

// Config is an edge's settings.
type Config struct {
	Listen      string
	Admin       string           // address of the operators' side; "": none
	AdminTokens *loopback.Tokens // operators must show one, if there are any
	Node        string           // a name for people
	Sales       []string         // none: every sale
	Ack         Ack              //
	Lang        string           // zh or en
	Lease       time.Duration    // the term of a lease
	Drain       time.Duration    // at the end: how long requests are answered with `Connection: close` before the listener closes
	Grace       time.Duration    // at the end: how long settling and giving back may take
	Bounds      ledger.Bounds
	Data        string // directory of the rings; "": memory, which is lost with the process
	Decisions   string // file of the decision log; "-": standard output; "": none
	Version     string
	TokenKeys   [][]byte             // the first signs, all are accepted; none: the store's key
	Trusted     []netip.Prefix       // peers whose X-Buyer-Id is believed
	JWT         *identity.JWTKey     // nil: Authorization is ignored
	Again       answer.Spread        // Retry-After of those who may come again
	BuyByPost   bool                 // GET /buy/{sale} is refused
	Origins     []string             // sites whose pages may buy; none: answers have no CORS headers
	Registry    *prometheus.Registry // has other metrics for /metrics; nil: there are none
	Changes     <-chan Changes       // new settings while the edge sells; nil: none

	StoreKind, StoreAddress string // for people: redis or embedded; without secrets
	// Socket listens already in Listen's place, and others hand it on after this process. Nil: there is none.
	Socket *net.TCPListener

	// Up is called once, when the edge serves, with the addresses of its listeners; operators is nil if there is none. Nil: nobody
	// is told.
	Up func(buyers, operators net.Addr)
}

func (c *Config) sells(name string) bool { return len(c.Sales) == 0 || slices.Contains(c.Sales, name) }
