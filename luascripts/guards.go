package luascripts

// The ledger's guards that a build with the tag mutants can leave out. bench/sim says what each is good for.
const (
	NoFence         Mutant = "no-fence"
	LimboShort      Mutant = "limbo-short"
	NoLimbo         Mutant = "no-limbo"
	LimboDeaf       Mutant = "limbo-deaf"
	GiveBackCloses  Mutant = "give-back-closes"
	ReplayRewrites  Mutant = "replay-rewrites"
	CancelConfirmed Mutant = "cancel-confirmed"
	ExpireConfirmed Mutant = "expire-confirmed"
	FenceCounts     Mutant = "fence-counts"
	ShortRecovery   Mutant = "short-recovery"
	EarlyRecovery   Mutant = "early-recovery"
	DeductAnyEra    Mutant = "deduct-any-era"
	LeaseAnyEra     Mutant = "lease-any-era"
	LostTime        Mutant = "lost-time"
	NeverUnheard    Mutant = "never-unheard"
	DiskIsPrimary   Mutant = "disk-is-primary"
	DiskForgets     Mutant = "disk-forgets"
	NoProof         Mutant = "no-proof"
	DeafToTime      Mutant = "deaf-to-time"
	ConfirmAtOnce   Mutant = "confirm-at-once"
	RenewUnheard    Mutant = "renew-unheard"
	FenceStays      Mutant = "fence-stays"
	AssertFree      Mutant = "reassert-free-only"
	AnyLineup       Mutant = "any-lineup"
	KnownOnly       Mutant = "known-only"
	SearchFew       Mutant = "search-few"
	RunDeaf         Mutant = "run-deaf"
	OldWitness      Mutant = "old-witness"
	FloorRises      Mutant = "floor-rises"
	DueAsWritten    Mutant = "due-as-written"
	DrawByClock     Mutant = "draw-by-clock"
	LotsLeased      Mutant = "lots-leased"
	LotTwice        Mutant = "lot-twice"
)

// fit is where n free serials are in a row; -1: nowhere.
func (t *Twin) fit(n uint64) int {
	i := t.free.Fit(n)
	if t.bounds.Lacks(SearchFew) && i > 1 {
		return -1
	}
	return i
}

// forAll is how many free units are for everybody.
func (t *Twin) forAll() uint64 {
	if t.bounds.Lacks(LotsLeased) {
		return t.head.Free
	}
	return t.head.Unkept()
}

// runFor is how many units in a row a lease must have.
func (t *Twin) runFor(q LeaseRequest) uint64 {
	if t.bounds.Lacks(RunDeaf) {
		return 1
	}
	return uint64(max(q.Run, 1))
}

// leaseOf is the lease a claim was made under.
func (t *Twin) leaseOf(c Claim) *lease {
	if t.bounds.Lacks(NoFence) {
		for _, f := range sortedKeys(t.leases) {
			if t.leases[f].rem.Has(c.Serial) {
				return t.leases[f]
			}
		}
	}
	return t.leases[c.Fence]
}
