// Package sim is the simulator. It runs real Keepers and Allotments, and the scripts' twin as a replicated Redis. A seed
// decides everything about the network, clocks, buyers and faults. Time is a number, so a simulated minute costs
// milliseconds. One goroutine runs a world, so a seed gives the same run each time, bit for bit. The hash of its trace shows
// this.
//
//	world    a whole run: faults for a while, then healing; then everything must end within a bound, and edges rest
//	fates    the random choices of a world
//	server   a Redis: a twin, and the log of scripts that made it; it comes back with part of the log, and perhaps a wrong clock
//	replica  behind its primary; WAIT; fail-over, split brain with newcomers, the way back; Sentinels give up a replica
//	net      calls that are lost, late, or arrive after their caller has given up; what runs on a server
//	edge     a process: Keeper, Allotment, clocks, pauses; it stands in for the Runner; its machine
//	recovery what the next process on a machine does with the ring of a dead edge
//	crowd    buyers, some of whom stall in the middle of a Take, or hold a token; few buyers for minutes, while units are held
//	keyed    buys that the ledger decides, mostly under idempotency keys, or by lot in a draw; calls of several
//	check    the conditions after every step, and the claims that a death may take with it; checkrun: after a script
//	fault    the faults, their healing, and what operators do
//	plot     sequences of several faults that chance brings once in thousands of worlds
//	mutant   guards of the protocol that may be left out, to see that a check notices
//
// These are checked after every step:
//
//   - The ledger adds up: by its counters each time, and unit by unit now and then.
//   - A serial has one winner, who is told, unexpired and not cancelled, or confirmed and not refunded. This holds after lost
//     history, too.
//   - Fences grow, within a history and from winner to winner of a serial.
//   - No promise is made after the end of its lease, and none binds longer than deadline + hold.
//   - An edge uses a slot again only after the ledger has answered for its claim. A durable answer (fsynced, or on every
//     replica) is in every later history. Any answer is there while its history lasts.
//   - A claim or token that comes in time is good. The exceptions are the deaths that docs/guarantees.md names: machine and lease
//     are lost, or an answer that only a lost history had has freed the slot.
//   - Ledger time gains at most a step, whatever clocks and servers do. After lost history it is as late as the living
//     instances were told. A store that kept everything makes nobody wait for a hold.
//   - The window of a draw is at least as long as announced, every entrant has a lot, and a winner finds its unit.
//   - "Sold out" for good is said only when it is so.
//   - Each buy of a call is decided by itself. A key has one answer, on every server and at every edge; without an answer it is
//     not used up. Nobody has more than a sale's limit. A buyer who hears of the limit would exceed it. "None" is said
//     only when there is none. A refused call has sold nothing.
//
// In the end, within lease + hold + margins (and the delay of a new era), these are checked: Every unit without an owner is
// free, or sold. Every sold unit was told to somebody, or is of a Deduct whose answer was lost. When all has been sold for
// three seconds, every edge says so, and then no edge asks for units any more. There were a few calls for each sold unit.
package sim
