package compare

import (
	"slices"

	"spike/bench/peers"
)

// order returns the servers that a round loads, one after another: edge bare bare edge, then the peers, backwards in every
// second round. Without an edge there are two bares, without a bare two edges.
func order(servers []string, round int) []string {
	quad := []string{Edge, peers.Bare, peers.Bare, Edge}
	has := func(name string) bool { return slices.Contains(servers, name) }
	quad = slices.DeleteFunc(quad, func(name string) bool { return !has(name) })
	rest := slices.DeleteFunc(slices.Clone(servers), func(name string) bool { return name == Edge || name == peers.Bare })
	if round%2 == 1 {
		slices.Reverse(rest)
	}
	return append(quad, rest...)
}
