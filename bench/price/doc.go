// Package price measures what a buy costs. Each file is an experiment, whose flags are the fields of its struct:
//
//	answer   an edge beside a bare server, a script per request, and the article's design
//	count    ways to count a stock down by one, over GOMAXPROCS
//	share    how nginx shares a crowd among edges, and what each way costs
//	flag     "sold out" by a flag at nginx, beside return 200 of the same body
//	bill     the CPU time of a whole spike: the article's design, ours, ours with the gate, and a sale with a limit
//	real     sales with a limit, a hold and keys, beside an anonymous one
//	durable  sales on a disk or on replicas before their buyers hear of them, beside a row of PostgreSQL
//
// A CPU time is of the servers' processes, by their own clocks, and their work after the last answer is in it.
package price
