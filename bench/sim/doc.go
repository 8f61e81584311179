// Package sim is the simulator: real Keepers and Allotments, the scripts' twin as a replicated Redis, and a network,
// clocks, buyers and accidents that a seed decides. Time is a number, so a minute of it costs milliseconds, and one
// goroutine lives a world, so that a seed is one run, bit for bit: its trace has one hash.
//
//	world    the whole of it: troubled for a while, then healed, then it must come to its end within a bound
//	fates    what a seed holds in store
//	agenda   what is to come, by true time
//	server   a Redis: a twin, and the log of scripts that made it what it is; whoever has a part of the log has had the ledger
//	follower a replica, behind by what it has not heard; WAIT; fail-over, split brain, and the way back
//	restart  what a server comes back with: its file, or an older one, and a clock that may be any
//	net      calls that are lost, late, or arrive when nobody waits any more
//	host     a machine: its edge, killed and begun again, and what is left of the rings before
//	edge     a process: Keeper, Allotment, clocks, pauses; it stands in for the Runner
//	crowd    its buyers, some of whom stall half way through a Take
//	holder   who pays, cancels or looks by token, through any edge
//	check    what must hold after every step, and what a death may take with it
//	again    combinations that chance alone brings too seldom: cuts within a recovery, bad days, few buyers
//	plot     stories of several acts that chance brings once in thousands of worlds: who outlived what, power cuts, late payers
//	draw     buyers who enter a draw, and collect
//	rest     what comes to rest in the end, what is in nobody's hands then, and what the way there may cost
//	mutant   guards of the protocol that may be left out, to see that it is noticed
//
// What is looked at after every step:
//
//   - the ledger adds up, by its counters each time and unit by unit now and then;
//   - a serial has one winner: told, unexpired and not cancelled, or confirmed; also when the store has lost its history;
//   - fences grow, within a history and from winner to winner of a serial;
//   - a promise is never made past its lease, and never binds longer than deadline + hold;
//   - an edge uses a slot again only when the ledger has answered for its claim; what was answered durably (fsynced, or on
//     every replica) is in every history that follows; what was answered at all is there while its history is;
//   - a claim or token that comes in time is good, but for the deaths that README names: machine and lease lost, or a slot
//     freed by an answer that only a lost history had;
//   - ledger time gains no more than a step, whatever clocks and servers do; where history was lost it is as late as those who
//     live were told; a store that kept everything makes nobody wait for a hold;
//   - the window of a draw is not shorter than it was said to be, whoever has entered has a lot, and a winner finds its unit;
//   - "sold out" for good is said only when it is so.
//
// And in the end, within lease + hold + margins (and a new era's delay): everything that nobody owns is free, or sold; what is
// sold was told to somebody, or is a Deduct's whose answer was lost; all edges say that all is sold once it has been for three
// seconds, and then nobody asks for units any more; and for each unit sold there were a few calls, whatever went round.
package sim
