// Package ledger is the domain of Spike: what the ledger of a sale is, what may be asked of it, and what it guarantees. Two
// stores keep ledgers: package luascripts in Redis, for many edges; package memory inside one process. This package knows
// neither, and has no I/O.
//
// A sale is a stock of units, numbered 1 to its total. Its ledger says of each unit where it is: free, leased to an edge, in limbo
// (its lease is over, and it may have been promised), pending (a buyer's, and not paid) or confirmed. ARCHITECTURE.md has the rows
// of a unit's life, the invariants and the eras. What a Store guarantees after every call:
//
//   - Free, what is left of leases (leased or limbo), and the owned (pending or confirmed) are disjoint and cover
//     1..total. Each is counted on its own, never by subtraction. Audit counts the things beside the counters.
//   - Fences only grow. A serial comes to a buyer under the fence of the lease it was in, once (I3).
//   - Ledger time never gains more than Bounds.Step between two calls: a jump of the store's clock ends no lease early. But
//     where Tend's caller has lived through more since an answer, and nobody has got a time from the ledger since, it gains that.
//   - An era is a history of the store. Under a new one what was written last may be missing. All deadlines move on as if
//     renewed. Nothing is granted until every instance has said what it holds (Reassert), or lease + margin are over. Where
//     somebody may have acted on what is missing, nothing is granted until lease + hold + margin are over: by then every promise
//     that may be missing is over. Who asks meanwhile after a lease that may be missing hears ErrReassert.
//   - What widens a right is answered only when every replica that may be promoted has it; else the error is ErrReplicas.
//   - Where the first units go by lot, nothing is leased or deducted before the draw, and after it never more than what is
//     free and not kept for winners. The draw is the first call at or after its time. Its order was fixed by the seed and by
//     who had entered.
//   - Each call may be sent again after a lost reply: it is idempotent by its request, batch, claim or key; a Deduct only if it
//     has a Key.
//   - An error is a *Refusal: nothing was done. Or it wraps ErrDown: nobody knows what was done. An *Unwilling, which comes with
//     ErrDown, has the store's own word for it.
package ledger
