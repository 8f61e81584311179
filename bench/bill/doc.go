// Package bill measures what a whole spike costs in CPU-seconds: nginx, the servers behind it, Redis and the gate together,
// without the crowd. One crowd meets four designs in one run:
//
//	article  its nginx configuration (weights 1:2:3:4, no connection kept alive to the servers) and its server, as
//	         bench/peers has it: one lock across a Redis round trip, a log file opened for each request
//	edges    Spike: `spike nginx` and four edges
//	gate     the same with `spike gate`: nginx says "sold out" by itself
//	limited  the same, and the sale has a limit per buyer, so that every win asks Redis
//
// The article's own server stops for good after 12,000 sales and sells a unit too many. The peer has these two faults
// corrected, and costs the same. Its nginx writes no access log here, as ours does not, which favours it.
//
// The servers of a turn are started for it, so nothing is left of the turn before. The bill has what they spend until
// everything sold is settled. It does not have what they spend to start.
package bill
