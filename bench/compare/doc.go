// Package compare measures the edge beside its peers: the same answer, the same load, the same minutes.
//
// All servers of a scenario run at once, each as its own process with a Redis of its own, and are loaded one
// at a time by wrk. A round loads edge, bare, bare, edge, and then each other peer once; the next round takes
// those in the other order. What a request costs is the CPU time of the server's process over the load, settling
// included, divided by the requests wrk saw answered. The edge's ratio to bare is (A1+A2)/(B1+B2) of a round, so
// a machine that gets steadily slower or faster favours nobody; a peer's is its cost over the mean of that round's bares.
// A result is the median over the rounds, with the smallest and the largest beside it.
//
// The bare server repeats, byte for byte, an answer captured from the running edge.
package compare
