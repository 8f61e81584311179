// Package allotment keeps an edge's units of one sale: it leases them from the ledger ahead of demand, hands them to
// buyers, tells the ledger what it sold, and gives back what it does not need. No HTTP.
//
// Buyers meet Allotment.Take, which does no I/O and takes no lock. Everything else is the Keeper's: a step function
// (event, now -> calls to the ledger) with no clock and no I/O of its own, which Run merely drives. One goroutine runs
// it, so a simulator can run the very code that ships.
//
//	         Fill/Drain            Take                      collect
//	Keeper ------------> Stock ------------> buyer -> Ring ------------> Keeper
//	  |  publishes Table, Verdict ^            |                           |
//	  +--- Lease, Renew, GiveBack calls -> ledger <---- Settle calls ------+
//
// What holds, and why:
//
//   - A serial that Take hands out is covered by a lease of this instance. The Keeper publishes a lease in the Table
//     before it fills the Stock with its serials, and takes it out only when nothing of it is left unsettled.
//   - The fence is looked up after the CAS, and a taker may sleep between the two: its serial s might run out with its
//     lease, go free, and be leased again under a newer fence, which the look-up would then find. So: when a lease
//     lapses, the Keeper takes its serials out of the Stock and replaces the Table, at some time w; a grant that comes
//     less than a margin after w is given back unused, as far as it has serials of that lease; and a taker whose first look at the Table was replaced a margin
//     ago or longer has a serial in doubt, which nobody gets. A newer lease of s is in the Table at w + margin or
//     later, and the sleeper's first look was replaced at w or before, so it never sells s under the newer fence. (Two
//     looks that find the same lease leave no doubt: in the Table a serial only moves on to newer fences.)
//   - A promise is never made past the lease: monotonic and wall clock both are before send + term - margin (row 3),
//     and it ends at the latest with deadline + hold, which bounds limbo. Nor is it made after the sale has closed by the
//     store's clock, as the newest answer has it: the lease ends for takers at that moment, a round trip early at the most.
//   - A claim is in the Ring before the buyer hears of it, and its slot is used again only after the ledger has
//     answered for it (I8). No room in the Ring means no Take.
//   - When the ledger's server has begun a new era, the Keeper names once all that it holds of each lease: on sale, in a
//     taker's hand, or sold and not settled; but not the unsold units of a lease that by one of our clocks may have been
//     freed, and sold to others, in a history that is lost. What the ledger then has not leaves the Stock; a renewal that
//     does not know a lease counts for nothing before.
//     A lease that loses serials there has a new Lease in its place, and one that is gone ends: a taker who sleeps with one
//     of them sells nothing.
//   - A unit given back has left the Stock before the call is sent, and never comes back into it (row 9).
//   - Nothing goes round without end: who gave units up for others and sold none keeps the next ones longer, and who
//     followed news in vain follows the next more slowly (calm.go).
//   - "Sold out" is said only while the Stock is Empty, nothing is free in the ledger, and the ledger said so after
//     the last unit went (Keeper.verdict).
//
// testdata/keeper has scenarios, to be read: what comes of a lost answer, a silent store, a fail-over, a recall.
package allotment
