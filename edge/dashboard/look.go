package dashboard

import (
	"math"

	"spike/luascripts/ledger"
)

// Look is everything that operators see, at one moment. An unknown figure is null.
type Look struct {
	At         int64     `json:"at"`      // this process' clock, Unix ms
	Version    string    `json:"version"` // of this process
	Store      StoreLook `json:"store"`
	Sales      []Sale    `json:"sales"`       // by name
	SalesTotal int       `json:"sales_total"` // Sales has at most salesMost, those with news or buys first
	Processes  []Process `json:"processes"`   // by kind, then node
	Detail     *Detail   `json:"detail,omitempty"`
}

// StoreLook is how the store is.
type StoreLook struct {
	Kind      string   `json:"kind"` // redis or embedded
	Address   string   `json:"address"`
	OK        bool     `json:"ok"`
	Silent    int64    `json:"silent_ms"` // since its last good answer
	Why       string   `json:"why"`       // why it is not ok
	Era       string   `json:"era"`       // hex; "": not known
	Replicas  uint64   `json:"replicas"`  // that are here
	Wanted    uint64   `json:"wanted"`    // that are waited for
	RoundTrip *int64   `json:"round_trip_us"`
	Risks     []string `json:"risks"`
}

// Sale is one sale. Its places add up to Total.
type Sale struct {
	Sale      string  `json:"sale"`
	State     string  `json:"state"` // open, paused, closed, not_open or drawing; "": not known
	Total     *uint64 `json:"total"`
	Free      *uint64 `json:"free"`
	Leased    *uint64 `json:"leased"`
	Limbo     *uint64 `json:"limbo"`
	Pending   *uint64 `json:"pending"`
	Confirmed *uint64 `json:"confirmed"`
	Revision  string  `json:"revision"`
	Age       *int64  `json:"age_ms"` // of these figures
	Final     bool    `json:"final"`  // no unit comes back by itself

	Hold   float64 `json:"hold_seconds"`
	Limit  uint64  `json:"limit_per_buyer"`
	Opens  *int64  `json:"opens_ms"` // Unix ms, as those that follow
	Closes *int64  `json:"closes_ms"`
	Draws  *int64  `json:"draws_ms"`

	Trouble         string `json:"trouble"`
	Recovering      *int64 `json:"recovering_ms"` // until grants open again, at the latest
	ReplicasMissing bool   `json:"replicas_missing"`

	Buys     map[string]uint64 `json:"buys"` // by outcome, of the edges that beat
	Won      *float64          `json:"won_per_s"`
	Answered *float64          `json:"answered_per_s"` // by edges, and by nginx if only this sale is empty
	Spark    numbers           `json:"spark"`          // units of Won, one a second, newest last
	SoldOut  *int64            `json:"sold_out_in_ms"` // an estimate
}

// Process is one process, by its beats and by what the ledger knows of it.
type Process struct {
	Kind      ledger.Kind `json:"kind"`
	Instance  string      `json:"instance"`
	Node      string      `json:"node"`
	Version   string      `json:"version"`
	Started   *int64      `json:"started_ms"`
	Ready     bool        `json:"ready"`
	Why       string      `json:"why"`
	Draining  bool        `json:"draining"`
	Age       *int64      `json:"age_ms"` // of its newest beat; null: it has none
	Gone      bool        `json:"gone"`   // nothing was heard of it for goneAfter
	RoundTrip *int64      `json:"round_trip_us"`
	Files     *uint64     `json:"files"`
	FilesMost *uint64     `json:"files_most"`

	Connections *uint64           `json:"connections"`
	Refused     *uint64           `json:"refused"`
	Errors      map[string]uint64 `json:"errors"`
	Lost        *uint64           `json:"lost"`
	Won         *float64          `json:"won_per_s"`
	Answered    *float64          `json:"answered_per_s"`
	Stock       *uint64           `json:"stock"`
	Unsettled   *uint64           `json:"unsettled"`
	Oldest      *int64            `json:"oldest_us"`
	Waiting     *uint64           `json:"waiting"`
	Leases      []LeaseLook       `json:"leases"`
	Silent      *int64            `json:"silent_ms"` // since the store heard of it: by a beat, or by a lease
	Front       *FrontLook        `json:"front,omitempty"`
	Orders      *OrdersLook       `json:"orders,omitempty"`
}

// LeaseLook is what an instance holds of one sale.
type LeaseLook struct {
	Sale      string `json:"sale"`
	Units     uint64 `json:"units"` // in leases that have not ended
	Limbo     uint64 `json:"limbo"`
	Deadline  int64  `json:"deadline_in_ms"`   // of the lease that ends first; 0: all have ended
	LimboEnds *int64 `json:"limbo_ends_in_ms"` // of the lease whose limbo ends last
}

// FrontLook is a gate and its nginx.
type FrontLook struct {
	ledger.FrontBeat
	Requests *float64 `json:"requests_per_s"`
	Share    *float64 `json:"in_front_share"` // of all requests at all gates' nginx, what they answered without an edge: 0 to 1
}

// OrdersLook is an order worker.
type OrdersLook struct {
	ledger.OrdersBeat
	Rows *float64 `json:"rows_per_s"`
}

// Detail is more about one sale.
type Detail struct {
	Sale    string   `json:"sale"`
	Series  any      `json:"series"` // a seriesLook, or its text
	Marks   []Mark   `json:"marks"`
	Holders []Holder `json:"holders"`
	Draw    *Draw    `json:"draw,omitempty"`
}

// Mark is something that happened to a sale.
type Mark struct {
	T    int64  `json:"t"`    // Unix s
	What string `json:"what"` // the journal's word, or opened
	More string `json:"more,omitempty"`
}

// Holder is an instance that holds units of the sale.
type Holder struct {
	Instance string `json:"instance"`
	Node     string `json:"node"`
	Units    uint64 `json:"units"`
	Limbo    uint64 `json:"limbo"`
	Silent   int64  `json:"silent_ms"`
}

// Draw is a sale's draw by lot.
type Draw struct {
	Entrants *uint64 `json:"entrants"` // known after the draw
	Draws    int64   `json:"draws_ms"`
	Seal     string  `json:"seal"`
	Secret   string  `json:"secret,omitempty"` // after the draw
}

// numbers are figures of which each may be unknown: NaN, which JSON writes as null.
type numbers []float64

var unknown = math.NaN()

// MarshalJSON implements json.Marshaler.
func (n numbers) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 2+6*len(n))
	out = append(out, '[')
	for i, v := range n {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendNumber(out, v)
	}
	return append(out, ']'), nil
}

func to[T any](v T) *T { return &v }
