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
	AssertFree      Mutant = "reassert-free-only"
)

// leaseOf is the lease a claim was made under.
func (t *Twin) leaseOf(c Claim) *lease {
	if t.bounds.Lacks(NoFence) {
		for _, f := range sortedKeys(t.leases) {
			if t.leases[f].rem.has(c.Serial) {
				return t.leases[f]
			}
		}
	}
	return t.leases[c.Fence]
}
