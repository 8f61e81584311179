package memory

import (
	"spike/luascripts/ledger"
)

// The guards of the ledger that a build with the tag mutants can leave out. bench/sim says why each is needed.
const (
	NoFence         ledger.Mutant = "no-fence"
	LimboShort      ledger.Mutant = "limbo-short"
	NoLimbo         ledger.Mutant = "no-limbo"
	LimboDeaf       ledger.Mutant = "limbo-deaf"
	GiveBackCloses  ledger.Mutant = "give-back-closes"
	ReplayRewrites  ledger.Mutant = "replay-rewrites"
	CancelConfirmed ledger.Mutant = "cancel-confirmed"
	ExpireConfirmed ledger.Mutant = "expire-confirmed"
	FenceCounts     ledger.Mutant = "fence-counts"
	ShortRecovery   ledger.Mutant = "short-recovery"
	EarlyRecovery   ledger.Mutant = "early-recovery"
	DeductAnyEra    ledger.Mutant = "deduct-any-era"
	LeaseAnyEra     ledger.Mutant = "lease-any-era"
	LostTime        ledger.Mutant = "lost-time"
	NeverUnheard    ledger.Mutant = "never-unheard"
	DiskIsPrimary   ledger.Mutant = "disk-is-primary"
	DiskForgets     ledger.Mutant = "disk-forgets"
	NoProof         ledger.Mutant = "no-proof"
	DeafToTime      ledger.Mutant = "deaf-to-time"
	ConfirmAtOnce   ledger.Mutant = "confirm-at-once"
	RenewUnheard    ledger.Mutant = "renew-unheard"
	FenceStays      ledger.Mutant = "fence-stays"
	AssertFree      ledger.Mutant = "reassert-free-only"
	AnyLineup       ledger.Mutant = "any-lineup"
	KnownOnly       ledger.Mutant = "known-only"
	SearchFew       ledger.Mutant = "search-few"
	RunDeaf         ledger.Mutant = "run-deaf"
	OldWitness      ledger.Mutant = "old-witness"
	FloorRises      ledger.Mutant = "floor-rises"
	DueAsWritten    ledger.Mutant = "due-as-written"
	DrawByClock     ledger.Mutant = "draw-by-clock"
	LotsLeased      ledger.Mutant = "lots-leased"
	LotTwice        ledger.Mutant = "lot-twice"
)

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
