// Package memory keeps ledgers inside one process. Edges and order workers use its Store where there is no Redis. Each sale
// of a Store is a Twin: the scripts of package luascripts said again in Go, with no clock, no I/O and no lock. So the Twin is
// also the oracle of the scripts' tests, and the simulator's Redis. TestScriptsAndTwinAgree compares it with the scripts,
// reply by reply.
//
// The twin does not model what follows. The oracle and the simulator say nothing of it. A scenario about it begins with
// `redis only`.
//
//   - The article's hash, and what hands do to it: BADSALE, FOREIGN, adoption, a total raised by hand. The twin's Mend only
//     makes Gen grow.
//   - The layout of a ledger (BADSALE): a twin does not outlive its process, so no other version reads it.
//   - The index of free ranges by length (INDEXING), and the slices in which reassert.lua, reopen (recovery.lua) and
//     audit.lua do their work.
//   - The text of a refusal: refusals are compared by their code. A refused script writes nothing. A refused call of the twin
//     may have let time pass and drawn lots; TestScriptsAndTwinAgree undoes that.
//   - The order of the look-ups in settle.lua. The script looks for an owner only if the lease does not have the serial,
//     because a serial in a lease has no owner (I2). The twin looks for the owner first.
//   - Redis as a store of keys: expiry, the consumers that trim.lua forgets, and the two bindings that bindkey.lua looks at.
//   - What Redis itself refuses (OOM, READONLY, NOREPLICAS, MISCONF), and WAIT.
//
// The guards of the twin that a build with the tag mutants can leave out are in guards.go.
package memory
