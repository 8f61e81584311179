package ledger

// Mutant names a guard of the protocol that is left out on purpose, so that a simulation can show that it notices.
type Mutant string

// Lacks says whether this guard is left out. Without the build tag mutants none ever is, and the compiler knows it.
func (b Bounds) Lacks(m Mutant) bool { return mutants && b.Mutant == m }

// Mutable says whether this build can leave guards out.
const Mutable = mutants
