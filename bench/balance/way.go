package balance

import (
	"net/netip"
	"slices"

	"spike/nginx"
)

// Way is a way to share a crowd.
type Way struct {
	Name    string        `json:"name"`
	Balance nginx.Balance `json:"balance"`
	Weights []int         `json:"weights"` // of the edges

	from func(connection int) netip.Addr // a connection's address
}

// Names of the ways, as in the tables.
const (
	RoundRobin = "round robin"
	Weighted   = "weighted"
	IPHash     = "ip-hash"
	OneNetwork = "ip-hash, one network"
	BuyerHash  = "buyer-hash"
)

// Ways in the order of the tables.
func Ways() []Way {
	even := []int{1, 1, 1, 1}
	return []Way{
		{RoundRobin, nginx.RoundRobin, even, manyNetworks},
		{Weighted, nginx.RoundRobin, []int{1, 2, 3, 4}, manyNetworks},
		{IPHash, nginx.IPHash, even, manyNetworks},
		{OneNetwork, nginx.IPHash, even, oneNetwork},
		{BuyerHash, nginx.BuyerHash, even, manyNetworks},
	}
}

func names() (all []string) {
	for _, w := range Ways() {
		all = append(all, w.Name)
	}
	return all
}

// edges is how many edges there are.
const edges = 4

// Wanted is each edge's share by its weight.
func (w Way) Wanted() []float64 {
	sum := 0
	for _, weight := range w.Weights {
		sum += weight
	}
	shares := make([]float64, len(w.Weights))
	for i, weight := range w.Weights {
		shares[i] = float64(weight) / float64(sum)
	}
	return shares
}

// manyNetworks gives each connection an address in its own network of 256. All of 127.0.0.0/8 is this machine.
func manyNetworks(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + i/256%254), byte(i % 256), 1})
}

// oneNetwork gives each connection an address of the same network.
func oneNetwork(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + i%253)}) }

// chosen returns the ways that were asked for, or all if none was.
func chosen(only []string) []Way {
	return slices.DeleteFunc(Ways(), func(w Way) bool { return len(only) > 0 && !slices.Contains(only, w.Name) })
}
