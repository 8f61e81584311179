package nginx

import (
	"fmt"
	"slices"
	"strings"
)

// Balance says which edge a buy goes to. Whatever it says, an edge that refuses connections is passed over.
type Balance string

const (
	// RoundRobin is the default: the edges take turns, and 1000 buys over weights 1:2:3:4 are exactly 100, 200, 300
	// and 400.
	RoundRobin Balance = "round-robin"
	// IPHash sends a client's address to one edge. nginx hashes the first three bytes of an IPv4 address and all of an
	// IPv6 address, so a whole network of 256 meets one edge. A weight is an edge's share of such networks.
	IPHash Balance = "ip-hash"
	// BuyerHash sends a buyer to one edge: the trusted X-Buyer-Id's, else the client address'. It is a consistent hash:
	// when an edge comes or goes, only its own buyers move. A weight is an edge's share of the ring, roughly: of many
	// buyers, 1:2 may come out as 1:1.8.
	BuyerHash Balance = "buyer-hash"
)

var balances = []Balance{RoundRobin, IPHash, BuyerHash}

// maxRing bounds the ring of BuyerHash: nginx keeps 160 points of 16 bytes for each unit of weight, and sorts them at
// every start.
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
		return wrong("balance", fmt.Errorf("with %s the weights add up to at most %d, not %d: 1 and 2 mean the same as 500 and 1000",
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
