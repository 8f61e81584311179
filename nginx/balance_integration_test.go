//go:build integration

package nginx

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// namedEdges are edges that answer with their name.
func namedEdges(t *testing.T, weights ...int) (edges []Edge) {
	t.Helper()
	for i, weight := range weights {
		edges = append(edges, Edge{newHTTPServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, i) }),
			weight})
	}
	return edges
}

// everywhere lets a test come from any address, as a proxy.
var everywhere = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// from is the header of a client address.
func from(address string) string { return "X-Forwarded-For: " + address }
func buyer(id string) string     { return "X-Buyer-Id: " + id }

// edgeOf is the edge that a buy meets.
func edgeOf(t *testing.T, front string, headers ...string) string {
	t.Helper()
	got := hear(t, front, http.MethodGet, "/buy/ticket", headers...)
	if !strings.HasPrefix(got, "200 ") {
		t.Fatal(got)
	}
	return got[len(got)-1:]
}

// shares counts how many of a thousand clients each edge serves. Each client must meet the same edge three times.
func shares(t *testing.T, front string, client func(i int) string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for i := range 1000 {
		first := edgeOf(t, front, client(i))
		counts[first]++
		if i >= 100 {
			continue
		}
		for range 2 {
			if again := edgeOf(t, front, client(i)); again != first {
				t.Fatalf("%s met edge %s and %s", client(i), first, again)
			}
		}
	}
	return counts
}

func TestHashesAreFaithful(t *testing.T) {
	for _, c := range []struct {
		name    string
		balance Balance
		client  func(i int) string
	}{
		{"ip-hash by network", IPHash, func(i int) string { return from(fmt.Sprintf("10.%d.%d.%d", i/250, i%250, i%200+1)) }},
		{"ip-hash by IPv6", IPHash, func(i int) string { return from(fmt.Sprintf("2001:db8::%x", i)) }},
		{"buyer-hash by buyer", BuyerHash, func(i int) string { return buyer(fmt.Sprintf("buyer-%d", i)) }},
		{"buyer-hash by address", BuyerHash, func(i int) string { return from(fmt.Sprintf("10.1.%d.%d", i/250, i%250+1)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			topology := Topology{Workers: 2, Balance: c.balance, RealIP: everywhere, Edges: namedEdges(t, 1, 3)}
			counts := shares(t, strings.TrimPrefix(start(t, topology, asRendered), "http://"), c.client)
			t.Log(counts)
			if counts["0"] < 100 || counts["0"] > 450 || counts["0"]+counts["1"] != 1000 { // 250, within what a hash can do
				t.Errorf("weights 1:3 became %v", counts)
			}
		})
	}
}

// TestNeighboursShareAnEdge: ip-hash hashes the network of an address.
func TestNeighboursShareAnEdge(t *testing.T) {
	topology := Topology{Balance: IPHash, RealIP: everywhere, Edges: namedEdges(t, 1, 1, 1, 1)}
	front := strings.TrimPrefix(start(t, topology, asRendered), "http://")
	first := edgeOf(t, front, from("192.0.2.1"))
	for i := 2; i < 255; i += 9 {
		if got := edgeOf(t, front, from(fmt.Sprintf("192.0.2.%d", i))); got != first {
			t.Errorf("192.0.2.%d meets edge %s, its neighbour %s", i, got, first)
		}
	}
}

// TestOnlyTheLostEdgesBuyersMove: with a consistent hash all other buyers stay at their edges.
func TestOnlyTheLostEdgesBuyersMove(t *testing.T) {
	edges := namedEdges(t, 1, 1, 1, 1)
	whole := strings.TrimPrefix(start(t, Topology{Balance: BuyerHash, Edges: edges}, asRendered), "http://")
	lost := strings.TrimPrefix(start(t, Topology{Balance: BuyerHash, Edges: edges[:3]}, asRendered), "http://")
	moved := 0
	for i := range 400 {
		who := buyer(fmt.Sprintf("buyer-%d", i))
		before, after := edgeOf(t, whole, who), edgeOf(t, lost, who)
		if before == "3" {
			moved++
		} else if before != after {
			t.Errorf("%s met edge %s, and without another edge %s", who, before, after)
		}
	}
	if moved == 0 {
		t.Error("nobody was the lost edge's")
	}
}

// TestEveryBalancePassesOverTheDead: an edge that refuses costs no buyer anything, even if the buyer hashes to it.
func TestEveryBalancePassesOverTheDead(t *testing.T) {
	t.Parallel()
	for _, b := range balances {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			topology := Topology{Workers: 2, Balance: b, RealIP: everywhere, Edges: namedEdges(t, 1)}
			for _, addr := range refusedAddrs(3) {
				topology.Edges = append(topology.Edges, Edge{addr, 1})
			}
			front := strings.TrimPrefix(start(t, topology, asRendered), "http://")
			for round := range 2 {
				for i := range 200 {
					edgeOf(t, front, from(fmt.Sprintf("10.%d.%d.1", i, i)), buyer(fmt.Sprintf("buyer-%d", i)))
				}
				if round == 0 {
					time.Sleep(1100 * time.Millisecond) // the dead edges are due for another try
				}
			}
		})
	}
}

// TestWithoutKeepalive: without it each buy has a connection of its own; with it a connection serves many.
func TestWithoutKeepalive(t *testing.T) {
	for _, idle := range []int{0, 16} {
		conns := make(chan net.Conn, 100)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: time.Minute,
			ConnState: func(c net.Conn, s http.ConnState) {
				if s == http.StateNew {
					conns <- c
				}
			}}
		go func() { _ = s.Serve(l) }()
		t.Cleanup(func() { _ = s.Close() })
		topology := Topology{Workers: 1, Keepalive: &idle, Edges: []Edge{{l.Addr().String(), 1}}}
		front := strings.TrimPrefix(start(t, topology, asRendered), "http://")
		for range 20 {
			hear(t, front, http.MethodGet, "/buy/ticket")
		}
		if n := len(conns); idle == 0 && n != 20 || idle > 0 && n > 2 {
			t.Errorf("keepalive %d: %d connections for 20 buys", idle, n)
		}
	}
}
