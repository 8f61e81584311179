// Package balance compares the ways in which nginx can share a crowd among edges: in turn, in turn by weight, by the
// client's address, by the buyer; each with and without connections kept alive towards the edges. The same four edges stand
// behind all of them, and it is their own counters that say who answered what.
//
// Every request has a buyer of its own, every connection a client address of its own. nginx hashes the first three bytes
// of an IPv4 address, so there are two crowds for the hash by address: one from as many networks as connections, and one
// whose clients are all of one network, as behind a provider's translator: it meets one edge.
//
// The sale is sold out: what is measured is the answer that 99 of 100 get.
package balance
