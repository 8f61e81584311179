// Package lab is everything in front of the edges, and the edges, on one machine: an OSPF router, layer-4 directors, nginx,
// edges, Redis and its replica. Each has a network namespace of its own. The traffic is real, and one part of each kind dies in
// full sale.
//
//	                         ┌─ d1 ─┐           ┌─ n1 ─┐            ┌─ e1 … e4
//	buyers ── r (OSPF, ECMP) ┤      ├─ (lan) ───┤      ├─ (edge) ───┤
//	          │              └─ d2 ─┘    │      └─ n2 ─┘            └─ s1 (Redis), s2 (its replica)
//	          └────── answers ───────────┘
//
// lan and edge are bridges. Answers go from nginx straight to the router, past the directors (direct server return).
//
// The files, each a noun:
//
//	topology    the parts, as data
//	plan        their names and addresses
//	wires       the network, as batches for ip(8)
//	lab         a standing lab, and its rounds; together runs its parts at once
//	router      FRR: its configuration, its next hops
//	director    a process: asks every nginx for its health, and sets the balancer and the address by it
//	balancer    what a director tells the kernel: nftables (nft), or LVS (lvs) if the kernel has it; keepalived does the same
//	            elsewhere
//	front, edge, store   nginx and the gate; the edges; Redis
//	crowd       buyers in the clients' namespace
//	death       the faults: how each strikes, shows and heals
//	trial       a sale with a death in it
//	sample      what each part of each layer carried
//	table, verdict       the output
//	possible, leftover   whether a lab can run here; what a killed lab left
//
// The guarantees: every sale sells exactly its units, and none twice, also while one part of each kind dies. The traffic moves
// around the dead part. Afterwards nothing is left: no process, no namespace, no file. Times are shown, and never judged. The
// host's own interfaces, routes, rules and settings are never touched, because every link is made inside a namespace.
package lab
