// Package ledger is the domain of Spike: what a sale's ledger is, what may be asked of it, and what it guarantees. Two stores
// keep ledgers: package luascripts in Redis, for many edges, and package memory inside one process. This package knows
// neither, and has no I/O.
//
// A sale is a stock of units, numbered 1 to its total. Its ledger says of each unit where it is: free; leased to an edge; in
// limbo (its lease is over, and it may have been promised); pending (a buyer's, and not paid); or confirmed. ARCHITECTURE.md
// has the rows of a unit's life, the invariants and the eras. A Store guarantees after every call:
//
//   - Free units, units left in leases (leased or in limbo) and owned units (pending or confirmed) are disjoint and cover
//     1..total. Each is counted on its own, never by subtraction. Audit counts the things beside the counters.
//   - Fences only grow. A serial goes to a buyer under the fence of its lease, once (I3).
//   - Ledger time gains at most Bounds.Step between two calls, so a jump of the store's clock ends no lease early. There is
//     one exception. If the caller of Tend has lived through more time since an answer, and nobody has got a deadline or a
//     hold since, ledger time gains that.
//   - An era is a history of the store. Under a new era, the newest writes may be missing. All deadlines move on as if the
//     leases had been renewed. Nothing is granted until every instance has said what it holds (Reassert), or lease + margin
//     are over. If somebody may have acted on what is missing, nothing is granted until lease + hold + margin are over: by
//     then every promise that may be missing is over. Until then, a call about a lease that may be missing gets ErrReassert.
//   - A call that widens a right succeeds only when every replica that may be promoted has it; else it fails with
//     ErrReplicas.
//   - Where the first units go by lot, nothing is leased or deducted before the draw. After the draw, at most the free units
//     that are not kept for winners are. The first call at or after its time makes the draw. The seed and the entrants fixed
//     its order before.
//   - Each call may be repeated after a lost reply. It is idempotent by its request, batch, claim or key, but a Deduct only
//     with a Key.
//   - An error is a *Refusal (nothing was done), or it wraps ErrDown (nobody knows whether it was done). If the server itself
//     refused, a *ServerError comes with ErrDown and has the server's words.
package ledger
