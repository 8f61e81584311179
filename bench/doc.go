// Package bench is how Spike knows how fast it is, and that it is right.
//
// Nothing in it is imported by the server. Its rooms:
//
//	stats      median, spread, the A B B A quad
//	process    a server in its own process: start, ready, CPU time, stop; a Redis of our own
//	generator  wrk and ab: run them, read what they printed, refuse what is not understood
//	load       our own bounded client: exactly N requests, every answer and every error counted
//	peers      the servers the edge is measured against
//	counters   the ways to count down a stock, as one table over GOMAXPROCS
//	compare    the scenarios, the line-up, the rounds
//	strategies three orders of order, payment and deduction, on a real PostgreSQL
//	front      the servers of a measurement of what stands in front: Redis, four servers, nginx, the gate
//	balance    how nginx shares a crowd among edges, and what each way costs
//	bill       CPU-seconds of a whole spike: the article's design, ours, ours with the gate
//	gatecost   "sold out" by a flag at nginx, beside return 200
//	profile    CPU, mutex, block and heap profiles of a live edge
//	report     the text, Markdown, JSON and SVG of a run
//	demo       the whole article on one machine, and its account
//	sim        worlds of edges and servers under a seeded scheduler: crashes, fail-overs, lies; and mutants
//	chaos      real faults on real parts, and judges of what every buyer heard
//	check      a bounded crowd against a running edge, held to its promises
//
// Only ratios from one run mean anything: two servers are compared by what they cost within the
// same few seconds on the same machine. Targets are printed beside what was measured, never asserted.
package bench
