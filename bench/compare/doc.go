// Package compare measures the edge beside its peers: with the same answer, under the same load, in the same minutes.
//
// All servers of a scenario run at once, each as its own process with a Redis of its own. wrk loads them one at a time. A
// round loads edge, bare, bare, edge, and then each other peer once; the next round takes the peers in the other order. The
// cost of a request is the CPU time of the server's process over the load, settling included, divided by the requests that
// wrk saw answered. The edge's ratio to bare is (A1+A2)/(B1+B2) of a round, so a steady drift of the machine favours nobody.
// A peer's ratio is its cost over the mean of that round's bares. A result is the median over the rounds, with the smallest
// and the largest beside it.
//
// The bare server repeats, byte for byte, an answer that was captured from the running edge.
package compare
