package sim

// kind is the kind of an event of the trace.
type kind uint64

// The kinds of events.
const (
	ran     kind = iota + 1 // a script
	won                     // a buyer was told
	verdict                 // an edge changed its verdict
	died                    // an edge
	began                   // an edge
	paused                  // an edge
	reigns                  // a server
	learned                 // a buyer with a token
)

const (
	fnvBasis = uint64(14695981039346656037)
	fnvPrime = uint64(1099511628211)
)

// trace folds an event into the world's hash. Two runs that differ in anything important have different hashes. It is FNV-1a
// over words, each folded first so that high bits count.
func (w *world) trace(k kind, a, b, c, d uint64) {
	for _, word := range [...]uint64{uint64(w.now), uint64(k), a, b, c, d} {
		word ^= word >> 32
		w.Hash = (w.Hash ^ word) * fnvPrime
	}
}
