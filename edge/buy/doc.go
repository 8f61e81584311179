// Package buy decides what a buy comes to. It knows no HTTP, no JSON and no bytes.
//
// A buy runs one way. Admit makes the Decision from what this edge knows, without a call: 99 of 100 buys of a spike end there.
// For other buys Admit names the Way on, and Seller.Decide follows it:
//
//	Take      take units from this CPU's lane of the stock: no lock, no allocation, no I/O
//	Lease     wait for the lease that is on its way; if none is, deduct straight from the ledger
//	Ledger    a sale with a limit per buyer, or an Idempotency-Key: only the ledger can decide, in one call with the buys that
//	          ask it at about the same time
//	Repeat    nothing is left, and the buy has a key: the ledger decides if the buy may be a repeat
//	Enter     a buyer enters the draw of a sale whose first units go by lot
//	Stale     the sale has ended here: the caller must look it up anew
//
// A buy takes at most one permit to wait. Zero values promise nothing: a Decision that nobody made is Undecided, a 503.
package buy
