// Package lab is what stands in front of the edges, whole, on one machine: an OSPF router, layer-4 directors, nginx, edges,
// Redis and its replica, each in a network namespace of its own, with real traffic, while one of each dies in full sale.
//
//	                         ┌─ d1 ─┐           ┌─ n1 ─┐            ┌─ e1 … e4
//	buyers ── r (OSPF, ECMP) ┤      ├─ (lan) ───┤      ├─ (edge) ───┤
//	          │              └─ d2 ─┘    │      └─ n2 ─┘            └─ s1 (Redis), s2 (its replica)
//	          └────── answers ───────────┘
//
// lan and edge are bridges. Answers go from nginx to the router straight, past the directors (direct server return).
//
// The files, each a noun:
//
//	topology    what there is, as data
//	plan        what it is called, and its addresses
//	wires       the network, as batches for ip(8)
//	namespace   a place: what runs there, and how to look into it
//	router      FRR: its configuration, its next hops
//	director    a process: asks every nginx for its health, and keeps the balancer and the address true to it
//	balancer    what a director tells the kernel: nftables, or LVS where there is one; keepalived does the same elsewhere
//	front, edge, store   nginx and the gate; the edges; Redis
//	crowd       buyers in the clients' namespace
//	death       who dies, how it shows, how it is healed
//	trial       a sale with a death in it
//	sample      who carried how much, at every layer
//	table, verdict       what is printed
//	possible, leftover   whether there can be a lab here, and what one left that was killed
//
// What is promised is held: every sale sells exactly its units, none twice, also while one part of each kind dies; the
// traffic moves; and afterwards nothing is left: no process, no namespace, no file. Times are shown, and judged by nobody.
// The host's own interfaces, routes, rules and settings are never touched: every link is made inside a namespace.
package lab
