// Package bench measures how fast Spike is, and checks that it is right.
//
// The server imports nothing of it. Its packages:
//
//	rig        every server that a measurement or a test starts, and their metrics; rig/rigtest starts them for a test
//	crowd      who buys, by our own client or by wrk and ab; the one reader of an answer
//	measure    experiments: turns within rounds, medians with their spread, ratios, targets
//	report     the text, Markdown, JSON and SVG of an experiment
//	peers      the servers that the edge is measured against
//	price      the experiments: what an answer, a count, a flag, a whole spike, a real or a durable sale costs
//	strategies three sequences of order, payment and deduction, on a real PostgreSQL
//	profile    CPU, mutex, block and heap profiles of a live edge
//	demo       the whole article on one machine, and its account
//	sim        worlds of edges and servers under a seeded scheduler: crashes, fail-overs, wrong clocks; and mutants
//	chaos      real faults on real servers, and judges of what every buyer heard
//	check      a bounded crowd against a running edge, whose answers are checked
//	lab        everything in network namespaces, of which one of each kind dies
//
// Only ratios from one run mean anything: two servers are compared by their cost within the same few seconds on the same
// machine. Targets are printed beside the measured values, and never asserted.
package bench
