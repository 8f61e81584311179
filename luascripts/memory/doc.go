// Package memory keeps ledgers inside one process. Store is what edges and order workers use where there is no Redis. Each of
// its sales is a Twin: the scripts of package luascripts said again in Go, with no clock, no I/O and no lock. So the Twin is also
// the oracle of the scripts' tests, and the simulator's Redis. TestScriptsAndTwinAgree holds it to the scripts' every reply.
//
// The twin does not model what follows. The oracle and the simulator say nothing of it, and a scenario about it begins with
// `redis only`.
//
//   - The article's hash and what hands do to it: BADSALE, FOREIGN, adoption, a total raised by hand. The twin's Mend only
//     makes Gen grow.
//   - The index of free ranges by length (INDEXING), and the slices in which reassert.lua, reopen (recovery.lua) and audit.lua
//     do their work.
//   - The text of a refusal: refusals are compared by their code. A refused script writes nothing. A refused call of the twin
//     may have let time pass and lots be drawn; TestScriptsAndTwinAgree undoes that.
//   - The order in which settle.lua looks. It looks for an owner only if the lease has not got the serial, because a serial in
//     a lease has no owner (I2). The twin looks for the owner first.
//   - Redis as a store of keys: expiry, consumers that trim.lua forgets, and the two bindings at which bindkey.lua looks.
//   - What Redis itself refuses (OOM, READONLY, NOREPLICAS, MISCONF), and WAIT.
//
// Guards of the twin that a build with the tag mutants can leave out are in guards.go.
package memory
