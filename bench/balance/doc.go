// Package balance compares the ways in which nginx can share a crowd among edges: in turn, in turn by weight, by the client's
// address, by the buyer. Each is measured with and without connections that are kept alive to the edges. The same four edges
// are behind all of them, and their own counters say which edge answered what.
//
// Every request has a buyer of its own, and every connection a client address of its own. nginx hashes the first three bytes
// of an IPv4 address, so the hash by address gets two crowds. One comes from as many networks as connections. The other comes
// from one network, as behind a provider's translator, and meets one edge.
//
// The sale is sold out, so the measured answer is the one that 99 of 100 buyers get.
package balance
