package edge

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/order/loopback"
)

// Ack is when a buyer hears "won".
type Ack string

// When a buyer hears "won": as soon as the claim is in this edge's ring, or when the ledger has it.
const (
	AckEdge  Ack = "edge"
	AckRedis Ack = "redis"
)

// Config is what an edge is told at start.
type Config struct {
	Listen      string
	Admin       string           // "" for none
	AdminTokens *loopback.Tokens // wanted from everybody, if there is one
	Node        string           // for people
	Sales       []string         // none: every sale
	Ack         Ack              //
	Lang        string           // zh or en
	Lease       time.Duration    // how long a lease lasts
	Drain       time.Duration    // at the end: answering, with `Connection: close`, before the listener goes
	Grace       time.Duration    // for settling and giving back at the end
	Bounds      ledger.Bounds
	Data        string // directory of the rings; "": memory, lost with the process
	Decisions   string // a file for the decision log, "-" for standard output, "" for none
	Version     string
	TokenKeys   [][]byte             // the first signs, all are accepted; none: the store's key
	Trusted     []netip.Prefix       // peers whose X-Buyer-Id is believed
	JWT         *identity.JWTKey     // nil: bearer tokens are not looked at
	Origins     []string             // of sites whose pages may buy; none: no answer speaks of them
	Registry    *prometheus.Registry // has what else is shown at /metrics; nil: nothing else
	Changes     <-chan Changes       // while it sells; nil: none

	instance string
}

func (c *Config) sells(name string) bool { return len(c.Sales) == 0 || slices.Contains(c.Sales, name) }

// begin makes this process an instance.
func (c *Config) begin() { c.instance = rand.Text() }
