// Package edge is the HTTP server for buyers. server.go has every goroutine of an edge, and how each of them ends.
//
// A buy runs one way, and of its steps only handler.go knows HTTP:
//
//	parse      serve, or the routes and units.go
//	identify   identity: who buys, under which key
//	decide     buy: Admit, and the Ways on which a buy may wait
//	answer     answer: a Format writes the Decision
//
// Only Server.buy has both a buy and its answer. Server.respond counts, logs and writes the answer to every buy that fasthttp has
// read.
//
// Packages below it: sales (the open sales), allotment (the units on lease), ringdir (files that outlive the process), token and
// identity (what buyers show), listener (connections). Package admin beside it is the operators' side. TestBuysRunOneWay checks
// the calls.
package edge
