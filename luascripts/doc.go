// Package luascripts is the common truth: the ledger of a sale, as Lua scripts on Redis (the article's hash among its
// keys) and as their twin in Go. It is the only room that talks to Redis.
//
// The scripts are in lua/script, each with its contract on top. What they share is in lua/lib, and stands in front of them.
// The twin says the same in Go with no clock and no I/O: it is the embedded store, the scripts' oracle in tests, and the
// simulator's Redis. TestScriptsAndTwinAgree holds the two to every reply and the whole audit; testdata/scenarios are their
// stories, to be read.
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
// What holds after every script (ARCHITECTURE.md has the rows of a unit's life, the invariants and the eras):
//
//   - free, what is left of leases (leased or limbo), and the owned (pending or confirmed) are disjoint and cover
//     1..total. Each is counted on its own, never by subtraction; Audit counts the things beside the counters.
//   - Fences only grow. A serial comes to a buyer under the fence of the lease it was in, once (I3).
//   - Ledger time never gains more than Bounds.Step between two scripts: a jump of Redis' clock ends no lease early. But where
//     Tend's caller has lived through more since an answer, and nobody has got a time from the ledger since, it gains that.
//   - Who runs a script on a sale puts its birth into the index of sales before anybody hears the answer (redis_index.go).
//   - The hash is the ledger's mirror: ticket_sold_nums = pending + confirmed. A hash changed by hand in any way but a
//     raised total stops grants and is named; what was sold already is settled all the same.
//   - An era is a history of the server, told by master_replid. Under a new one what was written last may be missing. All
//     deadlines move on as if renewed, nothing is granted until every instance has said what it holds (reassert.lua) or
//     lease + margin are over; where somebody may have acted on what is missing, until lease + hold + margin are: by then
//     every promise that may be missing is over. Who asks meanwhile after a lease that may be missing hears REASSERT.
//   - What widens a right is acted on only when every replica seen in this era has it: WAIT, behind the script on its
//     connection. Who announces a port is a replica, and no more are than the operator says (--replicas); what others
//     acknowledge is taken off what WAIT counts. A replica that is gone is waited for until a new era, until a majority of
//     the Sentinels names this primary and would promote none but those it has, or until the operator says otherwise
//     (reopen.lua): so many are waited for from then on as there were when that was said, and if one has come or gone before
//     it is written, nothing is.
//   - Where the first units go by lot, nothing is leased or deducted before the draw, and after it never more than what is
//     free and not kept for winners. The draw is the first script at or after its time; its order was fixed by the seed and by
//     who had entered, and an entry that was answered is on every replica. History that is lost takes entries, the draw or
//     collected lots with it as it takes all else: then lots are drawn anew, by the same seed, among those who are left.
//   - Where Redis would refuse the writes it refuses the script, before its first line: #!lua sees to that.
//   - A script validates first and writes last; each may be sent again after a lost reply.
package luascripts
