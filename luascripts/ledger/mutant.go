package ledger

// Mutant names a guard of the protocol that is left out on purpose, to show that a simulation notices its absence.
type Mutant string

// Lacks says whether this guard is left out. Without the build tag mutants, no guard is, and the compiler knows it.
func (b Bounds) Lacks(m Mutant) bool { return mutants && b.Mutant == m }

// Mutable says whether this build can leave guards out.
const Mutable = mutants
