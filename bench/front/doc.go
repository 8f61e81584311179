// Package front is the servers of a measurement of what stands in front: a Redis, four servers of buys, nginx before
// them, and the gate beside it, each a process of its own, so that what each of them costs can be told apart.
//
//	site      all of them: start, read, stop
//	server    one of the four: an edge, or a peer
//	topology  the file that nginx and the gate share
//	nginx     nginx with its workers, whose CPU time is not their master's
//	cost      CPU time, by who spent it
//	counters  what an edge says it answered
//	port      where a server listens
package front
