package sim

import "spike/luascripts"

// promise is what a buyer was told, and what has become of it.
type promise struct {
	luascripts.Claim
	birth    uint64
	edge     *edge
	grant    *entry // of its lease; nil for a Deduct
	answered bool   // by the ledger: its slot may be used again
	kept     *entry // the script whose answer said that it is the ledger's
	paid     *entry // and confirmed
	keptFor  bool   // that answer was durable
	paidFor  bool
	over     bool // cancelled
	excused  bool // it is among what the named deaths take with them
}

type claimID struct{ fence, nonce uint64 }

// live says whether a promise binds at this ledger time.
func (p *promise) live(now, hold int64) bool {
	return p.paid != nil || !p.over && (now < p.Expiry || hold == 0 && p.kept != nil)
}

// owed says that the ledger must have this promise under its name: it has said so, durably, or where it still stands.
func (p *promise) owed(now, hold int64) bool {
	return p.kept != nil && p.live(now, hold)
}
