package nginx

import (
	"fmt"
	"slices"
	"strings"
)

// Balance is how an edge is chosen for a buy. With any of them an edge that refuses connections is passed over.
type Balance string

const (
	// RoundRobin is the default. The edges take turns: 1000 buys over weights 1:2:3:4 are exactly 100, 200, 300 and 400.
	RoundRobin Balance = "round-robin"
	// IPHash sends a client's address to one edge. nginx hashes the first three bytes of an IPv4 address and all of an IPv6
	// address, so a whole network of 256 addresses meets one edge. A weight is an edge's share of such networks.
	IPHash Balance = "ip-hash"
	// BuyerHash sends a buyer to one edge, by the trusted X-Buyer-Id, or else by the client address. The hash is consistent: when
	// an edge comes or goes, only its own buyers move. A weight is roughly an edge's share of the ring. Of many buyers 1:2 may
	// come out as 1:1.8.
	BuyerHash Balance = "buyer-hash"
)

var balances = []Balance{RoundRobin, IPHash, BuyerHash}

// maxRing bounds the ring of BuyerHash. For each unit of weight nginx keeps 160 points of 16 bytes, and sorts them at every
// start.
const maxRing = 4096

func (b Balance) check(edges []Edge) error {
	if !slices.Contains(balances, b) {
		return wrong("balance", fmt.Errorf("%q is none of %s", string(b), joined(balances)))
	}
	sum := 0
	for _, e := range edges {
		sum += e.Weight
	}
	if b == BuyerHash && sum > maxRing {
		return wrong("balance",
			fmt.Errorf("with %s the weights add up to at most %d, not %d: 1 and 2 mean the same as 500 and 1000",
				BuyerHash, maxRing, sum))
	}
	return nil
}

func joined[S ~string](all []S) string {
	var names []string
	for _, s := range all {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
