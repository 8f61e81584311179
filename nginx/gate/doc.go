// Package gate keeps, beside nginx, a flag for each sale that has nothing to sell. By the flag nginx itself says "sold out" (see
// nginx.conf.tmpl). 99 of 100 requests of a spike hear just that.
//
// What holds, and why:
//
//   - A flag stands only on an answer of the ledger that said: the doors are open, nothing is free, nothing is leased, no
//     recovery, no trouble, nothing raised by hand. A flag over units that idle edges hold would strand them for ever, because
//     only buyers make edges sell, and no buyer would come. If units are in limbo or pending, the flag is none-now.
//   - The script that makes a unit sellable sends news of it (Store.Listen). News of a sale takes its flag away before anything
//     is asked. By induction: when the flag was set, nothing could be sold, and the first unit that can be sold is news. So a
//     flag over a unit lives only until the news comes. News may be lost without a trace: scripts may not publish, a Cluster may
//     be partitioned, a total may be raised by hand. Then the flag lives until the next question, slot by slot.
//   - An answer counts only if no news of its sale came since its question was sent, and the gate has listened all the while
//     (I13). One mutex orders news, answers and the directory. So later news removes the flag that an answer sets.
//   - While the gate does not listen there is no flag. A silent connection is noticed within seconds. If an answer does not come,
//     or is a refusal, its sale's flag goes.
//   - A flag's name ends in a slot of ten seconds. Only fresh answers write names: that of the slot in which the question was
//     sent, and the next. So the flags of a gate that is dead, hangs, or has another time than nginx end after two slots. An
//     answer stays fresh as long as nothing was written to the sale (Store.Revision). Names of other slots are removed with the
//     next write. All names are removed when the gate starts and when it ends.
//   - Where nginx answers every buyer, no buyer makes the edges look. So the gate itself ends the holds and dead leases of the
//     sales that it has flagged. It does so often enough for ledger time to pass as the clock does, unless another process
//     already does.
//   - Whether all this works is one truth, for the operators of the gate (health.go).
//
// Its cost: one subscription. A look at the revision for each flag and slot, and a question when something was written: at most
// four a second, and without a flag one a minute. One list of the sales a minute. Four times a second a write that changes
// nothing, and a name tried in the directory. nginx only looks a name up in its cache, so nginx notices a restock after a second
// at the latest.
//
// Dropped: flags renewed by a timer, because a flag that no answer renews is a guess. The end of the connection as a mere doubt
// about the flags, because units that come back meanwhile would wait. One file for all sales, because every change would touch
// all of them.
package gate
