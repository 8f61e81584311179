// Package bench measures how fast Spike is, and checks that it is right.
//
// The server imports nothing of it. Its packages:
//
//	stats      median, spread, the A B B A quad
//	process    a server in its own process: start, ready, CPU time, stop; a Redis of our own
//	generator  wrk and ab: run them, read their output, refuse an unknown output
//	load       our own bounded client: exactly N requests, every answer and every error counted
//	peers      the servers that the edge is measured against
//	counters   ways to count down a stock, as one table over GOMAXPROCS
//	compare    the scenarios, the servers, the rounds
//	realsale   sales with a limit, a hold and keys, beside an anonymous one
//	durable    sales on a disk or on replicas before their buyers hear of them
//	strategies three sequences of order, payment and deduction, on a real PostgreSQL
//	front      the servers of a measurement of the front: Redis, four servers, nginx, the gate
//	balance    how nginx shares a crowd among edges, and what each way costs
//	bill       CPU-seconds of a whole spike: the article's design, ours, ours with the gate, and a sale with a limit
//	gatecost   "sold out" by a flag at nginx, beside return 200
//	profile    CPU, mutex, block and heap profiles of a live edge
//	report     the text, Markdown, JSON and SVG of a run
//	demo       the whole article on one machine, and its account
//	sim        worlds of edges and servers under a seeded scheduler: crashes, fail-overs, wrong clocks; and mutants
//	chaos      real faults on real servers, and judges of what every buyer heard
//	check      a bounded crowd against a running edge, whose answers are checked
//
// Only ratios from one run mean anything: two servers are compared by their cost within the same few seconds on the same
// machine. Targets are printed beside the measured values, and never asserted.
package bench
