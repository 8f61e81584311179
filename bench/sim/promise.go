package sim

import "spike/luascripts/ledger"

// promise is the answer that a buyer was told, and its fate.
type promise struct {
	ledger.Claim
	birth    uint64
	edge     *edge
	grant    *entry // of its lease; nil for a Deduct
	answered bool   // by the ledger: its slot may be used again
	kept     *entry // the script whose answer said that the ledger has it
	paid     *entry // the script that confirmed it
	keptFor  bool   // that answer was durable
	paidFor  bool
	over     bool   // cancelled
	beaten   bool   // it was over, and another buyer was told of one of its units
	late     bool   // it was over by true time when the ledger took it: history was lost, and ledger time with it
	excused  bool   // a named loss window covers it
	longer   *entry // the script that prolonged its hold
	until    int64  // ledger time until which it did
	ends     int64  // when its hold is over by true time, at the latest
}

type claimID struct{ fence, nonce uint64 }

func idOf(c ledger.Claim) claimID { return claimID{c.Fence, c.Nonce} }

// of returns the promise of a claim.
func (c *checks) of(claim ledger.Claim) *promise { return c.known[idOf(claim)] }

// live says whether a promise binds at this ledger time.
func (p *promise) live(now, hold int64) bool {
	return p.paid != nil || !p.over && (now < p.expires() || hold == 0 && p.kept != nil) && !p.outlasted(p.edge.w)
}

// expires is when its hold ends by ledger time, as far as the present history knows.
func (p *promise) expires() int64 {
	if p.longer != nil && p.edge.w.primary.has(p.longer) {
		return max(p.Expiry, p.until)
	}
	return p.Expiry
}

// outlasted says whether a promise is over by true time, after lost history, and the ledger has not kept it. Ledger time went
// back with that history, and the instances that knew better may be dead.
func (p *promise) outlasted(w *world) bool {
	return p.paid == nil && p.ends > 0 && w.now >= p.ends && w.Histories > 0 && (p.kept == nil || p.late || !w.primary.has(p.kept))
}

// knows says whether this history has the promise, or the lease under which it was made.
func (s *server) knows(p *promise) bool {
	return p.grant != nil && s.has(p.grant) || p.kept != nil && s.has(p.kept)
}

// owed says whether the ledger must have this promise under its name: the ledger has said so, durably or in a history that
// still stands.
func (p *promise) owed(now, hold int64) bool {
	return p.kept != nil && p.live(now, hold)
}
