package ledger

// State is the state of a sale's doors.
type State int

// The doors of a sale.
const (
	Open State = iota
	Paused
	Closed
	Unopened // its opening time is still to come
	Drawing  // buyers enter the draw; nothing is sold before it
)

func (s State) String() string {
	return [...]string{"open", "paused", "closed", "not open yet", "drawing"}[s]
}

// Word is the state in the words of the APIs.
func (s State) Word() string {
	return [...]string{"open", "paused", "closed", "not_open", "drawing"}[s]
}

var doors = map[string]State{"open": Open, "paused": Paused, "closed": Closed}

// StateOf is the state that an operator may set, by its word.
func StateOf(word string) State { return doors[word] }

// Head begins every reply. It is the sale as the script left it. Times are microseconds.
type Head struct {
	Raw       int64  // the store's clock, Unix
	Now       int64  // ledger time: holds and leases live by it
	Birth     uint64 // the identity of this sale
	Total     uint64
	Free      uint64
	Leased    uint64
	Limbo     uint64
	Pending   uint64
	Confirmed uint64
	Gen       uint64 // grows whenever units come back
	Rev       uint64 // grows with every script that wrote
	Recall    bool   // another edge is out of units: give back what you do not need
	State     State
	Hold      int64 // 0: a unit is sold at once and for good
	Opens     int64 // Unix; 0: no such time
	Closes    int64
	Limit     uint64 // units per buyer; 0: no limit
	Due       bool   // one sweep could not end all that was over: call again soon
	Era       uint64 // the identity of the store's history
	Reopens   int64  // ledger time until which a recovery grants nothing; 0: units are granted
	Replicas  uint64 // the most replicas seen in this era: all must have what is acted on
	Strangers uint64 // other followers of the server: what they acknowledge is taken off what WAIT counts
	Lots      Lots   // the draw, where the first units go by lot
}

// Final says that no unit comes back by itself any more.
func (h Head) Final() bool {
	return h.Free == 0 && h.Leased == 0 && h.Limbo == 0 && (h.Pending == 0 || h.Hold == 0)
}

// Owned is how many units belong to buyers.
func (h Head) Owned() uint64 { return h.Pending + h.Confirmed }

// HoldEnds is when a claim's hold ends by the store's clock, Unix; 0: never.
func (h Head) HoldEnds(expiry int64) int64 {
	if h.Hold == 0 {
		return 0
	}
	return h.Raw + expiry - h.Now
}
