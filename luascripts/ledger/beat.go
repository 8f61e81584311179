package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Beats is how processes tell the store each second who they are and what they have counted, and how anybody reads that. No beat
// is in the way of a buy. A beat that is lost costs nothing, because its counters are cumulative.
type Beats interface {
	// Beat replaces the process' beat. It ends by itself after BeatLasts. One of the processes that beat then notes in the journal
	// that it is silent.
	Beat(ctx context.Context, b Beat) error
	// Leave ends the process' beat, so that nobody takes its silence for a death.
	Leave(ctx context.Context, b Beat) error
	// Beats are the beats that have not ended, by kind, node and instance; of more than BeatsMost, the newest.
	Beats(ctx context.Context) ([]Beat, error)
	// Holders are the instances of a sale that hold units or asked for a lease lately, whether they beat or not. Those that asked
	// last are first.
	Holders(ctx context.Context, sale string) (Holders, error)
}

// Of beats.
const (
	BeatEvery = time.Second
	BeatLasts = 5 * time.Second
	BeatSales = 200   // sales in one beat, at most
	BeatsMost = 1_000 // beats that Beats reads, at most
)

// Kind is what a process is.
type Kind string

// The kinds of processes that beat.
const (
	EdgeKind      Kind = "edge"
	GateKind      Kind = "gate"
	OrdersKind    Kind = "orders"
	DashboardKind Kind = "dashboard"
)

// Beat is what a process says of itself. Times are Unix microseconds by the process' own clock; durations are microseconds.
type Beat struct {
	Kind     Kind   `json:"kind"`
	Instance string `json:"instance"` // random; the instances in an edge's leases begin with it (Process)
	Node     string `json:"node"`     // for people
	Version  string `json:"version"`
	Started  int64  `json:"started"`
	At       int64  `json:"at"`
	Age      int64  `json:"-"` // how long the store has had it, by the store's clock; only in what Beats returns
	Ready    bool   `json:"ready"`
	Why      string `json:"why,omitempty"` // the part that is not ready
	Draining bool   `json:"draining,omitempty"`

	RoundTrip   int64             `json:"round_trip_us,omitempty"` // of the beat before this one; 0: unknown
	Files       uint64            `json:"files,omitempty"`         // open
	FilesMost   uint64            `json:"files_most,omitempty"`    // how many may be open
	Connections uint64            `json:"connections,omitempty"`   // of buyers, open now
	Refused     uint64            `json:"connections_refused,omitempty"`
	Errors      map[string]uint64 `json:"errors,omitempty"` // calls of the store that failed, by cause
	Lost        uint64            `json:"lost,omitempty"`   // claims that the ledger refused

	Sales     []SaleBeat  `json:"sales,omitempty"`      // the busiest of an edge, at most BeatSales
	MoreSales uint64      `json:"more_sales,omitempty"` // how many sales Sales leaves out
	Front     *FrontBeat  `json:"front,omitempty"`      // of a gate
	Orders    *OrdersBeat `json:"orders,omitempty"`     // of an order worker
}

// SaleBeat is an edge's own figures of one sale.
type SaleBeat struct {
	Sale      string            `json:"sale"`
	Buys      map[string]uint64 `json:"buys"`                // answered, by outcome; cumulative
	Stock     uint64            `json:"stock,omitempty"`     // units that a buyer could have here now
	Unsettled uint64            `json:"unsettled,omitempty"` // claims that the ledger does not have yet
	Oldest    int64             `json:"oldest_us,omitempty"` // age of the oldest of them
	Waiting   uint64            `json:"waiting,omitempty"`   // buys that wait for a lease or for the store
	Calls     map[string]uint64 `json:"calls,omitempty"`     // of the store, by call; cumulative
	Trouble   string            `json:"trouble,omitempty"`   // why the sale gets no new units here
	Won       []uint64          `json:"won,omitempty"`       // latency of winners, by the buckets of shard/latency; cumulative
	Rest      []uint64          `json:"rest,omitempty"`      // of all others, as sampled
}

// FrontBeat is what a gate says of the nginx beside it.
type FrontBeat struct {
	Listening bool   `json:"listening"` // the gate hears the store's news
	Flags     uint64 `json:"flags"`     // sales for which nginx answers
	NoneNow   uint64 `json:"none_now"`  // those of them that say "none now"
	Seen      bool   `json:"seen"`      // nginx' own counts were read within the last seconds; else the rest is 0
	Requests  uint64 `json:"requests"`  // cumulative, since nginx started, without the gate's own
	Accepted  uint64 `json:"accepted"`  // connections, cumulative
	Active    uint64 `json:"active"`    // connections open now
	Waiting   uint64 `json:"waiting"`   // those of them that are idle
}

// OrdersBeat is what an order worker says. Counters are cumulative.
type OrdersBeat struct {
	Sales     []OrdersSale `json:"sales,omitempty"`
	Rows      uint64       `json:"rows"`
	Retries   uint64       `json:"retries"`
	Takeovers uint64       `json:"takeovers"`
	Expired   uint64       `json:"expired"`    // units put back on sale when their hold was over
	Due       uint64       `json:"due"`        // webhooks
	Parked    uint64       `json:"parked"`     // webhooks that were given up
	Paused    bool         `json:"paused"`     // the endpoint is only probed
	LastError string       `json:"last_error"` // of a webhook
	Refused   uint64       `json:"refused"`    // orders that the database refused, in parked_orders
	Odd       uint64       `json:"odd"`        // events that made no sense
	Database  string       `json:"database"`   // its kind; never its address with a secret
}

// OrdersSale is how far a worker is behind with one sale.
type OrdersSale struct {
	Sale    string `json:"sale"`
	Unread  uint64 `json:"unread"`
	Unacked uint64 `json:"unacked"`
	Lag     int64  `json:"lag_us"` // age of the oldest event that is not stored
}

// OrderBeats puts beats in the order of Beats.
func OrderBeats(all []Beat) {
	slices.SortFunc(all, func(a, b Beat) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Instance, b.Instance))
	})
}

// Silence is the entry for a process whose beats ended, though it did not say that it stops.
func Silence(kind Kind, instance, node string) Entry {
	return Entry{Did: "silent", Who: node, From: string(kind), What: "no beat of " + string(kind) + " " + instance}
}

// Streak is a process' beats without a break. After an outage of the store, or a sleep of the machine, nobody's beat is there. So
// only a process whose streak is as long as a beat's life may call another process silent.
type Streak struct{ from, last time.Time }

// Beat notes a beat, and says whether the streak is long enough.
func (s *Streak) Beat(now time.Time) (long bool) {
	if now.Sub(s.last) >= BeatLasts/2 {
		s.from = now
	}
	s.last = now
	return now.Sub(s.from) >= BeatLasts
}

// Holders is who has units of a sale.
type Holders struct {
	Head
	Instances []Holder
	// Left is how many instances and leases are not in Instances, because they are too many to be read at once (Bounds.Holders).
	Left uint64
}

// Holder is one instance of an edge, as the ledger knows it. Times are ledger time, microseconds.
type Holder struct {
	Instance string
	Node     string
	Seen     int64 // when it last asked for a lease. It may have renewed since: see its deadlines
	Leases   []HolderLease
}

// Process is the instance in the beats of the holder's process.
func (h Holder) Process() string {
	process, _, _ := strings.Cut(h.Instance, ".")
	return process
}

// HolderLease is what is left of a lease.
type HolderLease struct {
	Fence    uint64
	Units    uint64
	Deadline int64 // while Limbo, the time at which its units may go free is Deadline + margin + hold
	Limbo    bool
}
