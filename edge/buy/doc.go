// Package buy decides what a buy comes to. It knows no HTTP, no JSON and no bytes.
//
// The way of a buy runs one way. Admit says what follows from what is known here, without asking anybody: for 99 of 100 buys of a
// spike that is the Decision. For others it names the Way on, and Seller.Decide goes it:
//
//	Take      one step on this CPU's share of the stock: no lock, no allocation, no I/O
//	Lease     wait for the lease that is on its way; where there is none, deduct straight in the ledger
//	Ledger    a sale with a limit per buyer: the ledger alone can decide
//	Keyed     as Ledger, under an Idempotency-Key
//	Enter     a buyer enters the draw of a sale whose first units go by lot
//	Stale     the sale has ended here: the registry must be asked anew
//
// A buy takes one permit to wait, at the most. Zero values promise nothing: a Decision that nobody made is Undecided, a 503.
package buy
