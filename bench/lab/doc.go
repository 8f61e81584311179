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
//	topology  the parts as data and their addresses; the network and every configuration, by templates
//	lab       whether a lab can run here; a standing lab, and its rounds; what a killed lab left
//	servers   FRR, Redis, edges, nginx with its gate, directors: how each starts
//	director  a process: asks every nginx for its health, and sets the balancer (nftables, or LVS if the kernel has it) and the
//	          address by it
//	crowd     buyers in the clients' namespace
//	trial     a sale with a death in it: how each death strikes, shows and heals
//	report    the table and the verdict; what each part of each layer carried
//
// The guarantees: every sale sells exactly its units, and none twice, also while one part of each kind dies. The traffic moves
// around the dead part. Afterwards nothing is left: no process, no namespace, no file. Times are shown, and never judged. The
// host's own interfaces, routes, rules and settings are never touched, because every link is made inside a namespace.
package lab
