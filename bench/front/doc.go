// Package front runs the servers of a measurement of the front: a Redis, four servers of buys, nginx in front of them, and
// the gate beside it. Each is a process of its own, so that the cost of each can be told apart.
//
//	site      all of them: start, read, stop
//	server    one of the four: an edge, or a peer
//	topology  the file that nginx and the gate share
//	nginx     nginx with its workers, whose CPU time is not their master's
//	cost      CPU time, by its spender
//	counters  how many buys an edge says it has answered
//	port      where a server listens
package front
