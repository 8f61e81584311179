// Package load is a bounded HTTP client for crowds. It sends exactly N requests over a fixed number of kept-alive
// connections. In a closed loop the next request waits for the answer. In an open loop requests come at a rate, whatever the
// server does.
//
// Every request ends in exactly one of three counts: answered, failed in transport, or never sent because the run was
// cancelled. Nothing is sent twice: a request whose connection broke may have been served, and a second one could buy a
// second unit.
//
// It shares two cores with the servers that it loads, so it is cheap: one goroutine and one connection per buyer, no pool, no
// request queue. In a closed loop the connections take request numbers from one atomic counter.
package load
