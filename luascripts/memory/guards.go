package memory

import (
	"slices"

	"spike/luascripts/ledger"
)

// The guards of the ledger that a build with the tag mutants can leave out. bench/sim says why each is needed.
const (
	NoFence          ledger.Mutant = "no-fence"
	LimboShort       ledger.Mutant = "limbo-short"
	NoLimbo          ledger.Mutant = "no-limbo"
	LimboDeaf        ledger.Mutant = "limbo-deaf"
	GiveBackCloses   ledger.Mutant = "give-back-closes"
	ReplayRewrites   ledger.Mutant = "replay-rewrites"
	CancelConfirmed  ledger.Mutant = "cancel-confirmed"
	ExpireConfirmed  ledger.Mutant = "expire-confirmed"
	FenceCounts      ledger.Mutant = "fence-counts"
	ShortRecovery    ledger.Mutant = "short-recovery"
	EarlyRecovery    ledger.Mutant = "early-recovery"
	DeductAnyEra     ledger.Mutant = "deduct-any-era"
	LeaseAnyEra      ledger.Mutant = "lease-any-era"
	LostTime         ledger.Mutant = "lost-time"
	NeverUnheard     ledger.Mutant = "never-unheard"
	DiskIsPrimary    ledger.Mutant = "disk-is-primary"
	DiskForgets      ledger.Mutant = "disk-forgets"
	NoProof          ledger.Mutant = "no-proof"
	DeafToTime       ledger.Mutant = "deaf-to-time"
	ConfirmAtOnce    ledger.Mutant = "confirm-at-once"
	RenewUnheard     ledger.Mutant = "renew-unheard"
	FenceStays       ledger.Mutant = "fence-stays"
	AssertFree       ledger.Mutant = "reassert-free-only"
	AnyLineup        ledger.Mutant = "any-lineup"
	AnyReplica       ledger.Mutant = "any-replica"
	KnownOnly        ledger.Mutant = "known-only"
	SearchFew        ledger.Mutant = "search-few"
	RunDeaf          ledger.Mutant = "run-deaf"
	OldWitness       ledger.Mutant = "old-witness"
	FloorRises       ledger.Mutant = "floor-rises"
	DueAsWritten     ledger.Mutant = "due-as-written"
	DrawByClock      ledger.Mutant = "draw-by-clock"
	LotsLeased       ledger.Mutant = "lots-leased"
	LotTwice         ledger.Mutant = "lot-twice"
	LimitBefore      ledger.Mutant = "limit-before"
	KeyAnew          ledger.Mutant = "key-anew"
	OfferStays       ledger.Mutant = "offer-stays"
	RefusesAll       ledger.Mutant = "refuses-all"
	NoneKept         ledger.Mutant = "none-kept"
	ReleaseBlind     ledger.Mutant = "release-blind"
	ProlongUnsettled ledger.Mutant = "prolong-unsettled"
	CloseAtOnce      ledger.Mutant = "close-at-once"
)

// present is the claim whose units go back on sale.
func (t *Twin) present(c ledger.Claim) ledger.Claim {
	if o := t.sold[c.Serial]; o.fence != 0 && t.bounds.Lacks(ReleaseBlind) {
		c.Fence, c.Nonce = o.fence, o.nonce
	}
	return c
}

// settledToProlong settles a claim whose hold is to end later.
func (t *Twin) settledToProlong(c ledger.Claim) ledger.Life {
	if life := t.life(c); life == claimed && t.bounds.Lacks(ProlongUnsettled) {
		return ledger.IsPending
	}
	return t.settled(c)
}

// fit is the index of the free range for n units in a row; -1: there is none.
func (t *Twin) fit(n uint64) int {
	i := t.free.Fit(n)
	if t.bounds.Lacks(SearchFew) && i > 1 {
		return -1
	}
	return i
}

// forAll is how many free units anybody may buy.
func (t *Twin) forAll() uint64 {
	if t.bounds.Lacks(LotsLeased) {
		return t.head.Free
	}
	return t.head.Unkept()
}

// runFor is how many units in a row a range of the lease must have.
func (t *Twin) runFor(q ledger.LeaseRequest) uint64 {
	if t.bounds.Lacks(RunDeaf) {
		return 1
	}
	return uint64(max(q.Run, 1))
}

// counted is what a buyer has, as it counts for the limit.
func (b *buying) counted(buyer ledger.Buyer) []uint32 {
	has := b.t.buyers[buyer]
	if b.t.bounds.Lacks(LimitBefore) {
		has = slices.DeleteFunc(slices.Clone(has), func(s uint32) bool { return b.t.sold[s].event > b.since })
	}
	return has
}

// againHere answers a key that this call has answered.
func (b *buying) againHere(q ledger.DeductRequest, k outcome) outcome {
	if b.t.bounds.Lacks(OfferStays) {
		q.Offer = ledger.Claim{}
	}
	return b.again(q, k)
}

// refusesAll is the refusal of a buy, for all buys of its call.
func (t *Twin) refusesAll(all []decided) error {
	for _, d := range all {
		if d.err != nil && t.bounds.Lacks(RefusesAll) {
			return d.err
		}
	}
	return nil
}

// leaseOf is the lease that a claim was made under.
func (t *Twin) leaseOf(c ledger.Claim) *lease {
	if t.bounds.Lacks(NoFence) {
		for _, f := range sortedKeys(t.leases) {
			if t.leases[f].rem.Has(c.Serial) {
				return t.leases[f]
			}
		}
	}
	return t.leases[c.Fence]
}
