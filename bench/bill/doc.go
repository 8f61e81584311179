// Package bill is what a whole spike costs in CPU-seconds: nginx, the servers behind it, Redis and the gate together; the
// crowd itself apart. One crowd, three designs, in one run:
//
//	article  its nginx configuration (weights 1:2:3:4, nothing kept alive towards the servers) and its server, as
//	         bench/peers has it: one lock across a Redis round trip, a log file opened for each request
//	edges    Spike: `spike nginx` and four edges
//	gate     the same with `spike gate`: nginx says "sold out" by itself
//
// The original of the article stops for good after 12,000 sales and sells a unit too many; the peer is mended so that it
// finishes, and left as dear as it was. Its nginx writes no access log here, as ours does not: that favours it.
//
// Every turn has servers of its own, started for it: nothing is left of the turn before. What they spend until everything
// sold is settled is on the bill, what they spend to start is not.
package bill
