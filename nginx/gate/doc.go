// Package gate keeps, beside nginx, a flag for each sale of which there is nothing to be had, so that nginx itself
// can say "sold out" (see nginx.conf.tmpl): 99 of 100 requests of a spike hear just that.
//
// What holds, and why:
//
//   - A flag stands only on an answer of the ledger that said: the doors are open, nothing is free, nothing is leased, no
//     recovery, no trouble, nothing raised by hand. A flag over units that idle edges hold would strand them for ever: only
//     buyers make edges sell, and no buyer would come. Limbo and pending may be more than nothing: then the flag is none-now.
//   - Whatever makes a unit sellable is told of by the script that does it (Store.Listen), and news of a sale takes its flag
//     away before anything is asked. By induction: when the flag was set nothing could be sold; the first unit that can be is
//     news; so a flag over a unit lives no longer than news takes to come, or, where news may be lost without a trace (scripts
//     may not publish, a partition within a Cluster, a total raised by hand), than until the next question, slot by slot.
//   - An answer counts only if no news of its sale came since its question was sent, and the gate has listened all the
//     while (I13). One mutex orders news, answers and the directory: what an answer sets, later news removes.
//   - While the gate does not listen there is no flag. A connection that has gone silent is found out within seconds; an
//     answer that does not come, or is a refusal, takes its sale's flag away.
//   - A flag's name ends in a slot of ten seconds. Only fresh answers write names, that of the slot in which the question was
//     sent and the next: a gate that is dead, hangs, or sees another time than nginx does, is without effect after two slots.
//     An answer is as fresh as a look at the sale after which nothing was written (Store.Glance). Names of other
//     slots are removed with them, and all of them before the gate goes and when it comes.
//   - Where nginx answers everybody, nobody makes the edges look. So the gate itself ends the holds and dead leases of
//     the sales it has flagged, often enough for ledger time to pass as the clock does, unless somebody else does.
//   - Whether all this works is one truth (health.go), for whoever watches the gate.
//
// What it costs: one subscription; a glance for each flag and slot, and a question where something was written, at most four a
// second, or once a minute; a look at the list of sales a minute; a write that changes nothing, and a name tried in the
// directory, four times a second. nginx only looks a name up in a cache, whose second is the longest that a restock stays
// unnoticed there.
//
// Dropped: flags renewed by a timer (one that nobody has asked about for a while is a guess); the end of the connection only
// doubting the flags (what was restocked meanwhile would wait); one file with all sales in it (every change would be
// everybody's).
package gate
