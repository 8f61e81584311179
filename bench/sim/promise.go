package sim

import "spike/luascripts/ledger"

// promise is what a buyer was told, and what has become of it.
type promise struct {
	ledger.Claim
	birth    uint64
	edge     *edge
	grant    *entry // of its lease; nil for a Deduct
	answered bool   // by the ledger: its slot may be used again
	kept     *entry // the script whose answer said that it is the ledger's
	paid     *entry // and confirmed
	keptFor  bool   // that answer was durable
	paidFor  bool
	over     bool  // cancelled
	beaten   bool  // it was over, and somebody else was told that a unit of it is theirs
	late     bool  // it was over by true time when the ledger took it: history was lost, and time with it
	excused  bool  // it is among what the named deaths take with them
	ends     int64 // by true time its hold is over, at the latest
}

type claimID struct{ fence, nonce uint64 }

// live says whether a promise binds at this ledger time.
func (p *promise) live(now, hold int64) bool {
	return p.paid != nil || !p.over && (now < p.Expiry || hold == 0 && p.kept != nil) && !p.outlasted(p.edge.w)
}

// outlasted says that a promise is over by true time, where history was lost and the ledger has not kept it: the ledger's time
// went back with that history, and whoever knew better may be dead.
func (p *promise) outlasted(w *world) bool {
	return p.paid == nil && p.ends > 0 && w.now >= p.ends && w.histories > 0 && (p.kept == nil || p.late || !w.primary.has(p.kept))
}

// knows says that the promise, or the lease that it was made under, is in this history.
func (s *server) knows(p *promise) bool {
	return p.grant != nil && s.has(p.grant) || p.kept != nil && s.has(p.kept)
}

// owed says that the ledger must have this promise under its name: it has said so, durably, or where it still stands.
func (p *promise) owed(now, hold int64) bool {
	return p.kept != nil && p.live(now, hold)
}
