// Package allotment keeps an edge's units of one sale. It leases them from the ledger ahead of demand, sells them to buyers,
// tells the ledger what it sold, and gives back what it does not need. It knows no HTTP.
//
// Buyers call Allotment.Take, which does no I/O and takes no lock. Everything else is the Keeper's. The Keeper is a step function
// (event, now -> calls to the ledger) with no clock and no I/O. Run drives it from one goroutine, so a simulator can run the very
// code that ships.
//
//	         Fill/Drain            Take                      collect
//	Keeper ------------> Stock ------------> buyer -> Ring ------------> Keeper
//	  |  publishes Table, Verdict ^            |                           |
//	  +--- Lease, Renew, GiveBack calls -> ledger <---- Settle calls ------+
//
// What holds, and why:
//
//   - A lease of this instance covers every serial that Take hands out. The Keeper publishes a lease in the Table before it fills
//     the Stock with the lease's serials. It removes the lease only when no serial of it is left unsettled.
//   - A taker looks the fence up after the CAS, and may sleep between the two. Meanwhile its serial s could run out with its
//     lease, go free, and be leased again under a newer fence, which the look-up would then find. Three rules prevent that. When
//     a lease lapses, the Keeper takes its serials out of the Stock and replaces the Table, at some time w. If a grant with
//     serials of that lease comes less than a margin after w, these serials go back unused. If the Table of a taker's first look
//     was replaced a margin ago or longer, its serial is in doubt, and no buyer gets it. So a newer lease of s is in the Table at
//     w + margin at the earliest, and the sleeper's first Table was replaced at w at the latest. So the sleeper never sells s
//     under the newer fence. Two looks that find the same lease leave no doubt, because in the Table a serial only moves on to
//     newer fences.
//   - A promise is never made after the lease's end. The monotonic and the wall clock must both be before send + term - margin
//     (row 3). The promise ends with deadline + hold at the latest, which bounds limbo. Nor is a promise made after the sale has
//     closed by the store's clock, as of the newest answer. At that moment the lease ends for takers, a round trip early at the
//     most.
//   - A claim is in the Ring before its buyer hears of it. Its slot is used again only after the ledger has answered for the
//     claim (I8). Without room in the Ring there is no Take.
//   - When the ledger's server has begun a new era, the Keeper names once what it holds of each lease: units on sale, in a
//     taker's hand, or sold and not settled. It does not name unsold units of a lease that by one of its clocks may have been
//     freed, and sold to others, in a history that is lost. Units that the ledger then does not grant leave the Stock. Before
//     that, a renewal that does not know a lease counts for nothing. A lease that loses serials then gets a new Lease in its
//     place, and a lease that is gone ends. A taker that sleeps with a Lease of either kind sells nothing.
//   - A unit that is given back has left the Stock before the call is sent, and never comes back into it (row 9).
//   - No unit goes round without end. An edge that gave units up for others and sold none keeps the next ones longer. An edge
//     that followed news in vain follows the next news more slowly (calm.go).
//   - "Sold out" is said only while the Stock is Empty and nothing is free in the ledger, and the ledger must have said so after
//     the last unit went (Keeper.judge).
//
// testdata/keeper has scenarios to read: what happens after a lost answer, a silent store, a fail-over, a recall.
package allotment
