// Package realsale measures sales as shops have them: with a limit per buyer, a hold, and a page that sends an Idempotency-Key.
// An anonymous sale is measured beside them, in the same run.
//
//	kind     what a sale asks of its buyers, and what they send
//	phase    what every buyer of a load hears: selling, over the limit, none now, sold out
//	crowd    the buyers' requests, with the headers that nginx passes on
//	site     an edge and a Redis with one sale, brought into its phase
//	run      the sites of a phase are loaded one after the other, and then in the other order
//	summary  medians over the rounds, and ratios within a round
//
// Two programs can be measured beside each other: this one, and that of an earlier commit. A load is bounded by time. Each
// request has a key of its own, and a buyer of its own unless the phase is about buyers who have all that they may have.
//
// The edge's own counter says what the buyers of a load have heard. An answer that is not the phase's is faulty.
package realsale
