// Package sales knows which sales this edge has open, and what each of them is.
//
//   - A Registry has the open sales. A sale is opened by its first buyer: Get is the hot path's look, without a lock; Find opens.
//   - A Sale has its stock (an allotment), a tally of what buyers heard, and bounds: permits for buys that wait, slots for those that
//     ask the store.
//   - Generations finds the sale that a token speaks of by its birth; Snapshots shows a sale to whoever asks.
//
// All three ask the store through one kind of look-up: a crowd that asks for the same thing is one call, calls at once are few, and a
// refusal is believed for a moment. No package of the edge but allotment and ringdir is beneath this one; nothing here knows HTTP.
package sales
