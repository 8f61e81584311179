// Package edge is the HTTP server that meets the crowd: HTTP in, HTTP out, and every goroutine of an edge with its end
// (server.go).
//
// The way of a buy runs one way, and handler.go is all of it that knows HTTP:
//
//	parse      the fast line of handler.go, or its routes and units.go
//	identify   identity: who buys, under which key
//	decide     buy: Admit, and the ways on which a buy may wait
//	answer     answer: a Format writes what the Decision is
//
// One function has both a buy and its answer, and every buy's answer leaves through one that counts, logs and writes it.
//
// Beneath it: sales (which sales are open here), allotment (the units on lease), ringdir (what outlives the process), token and
// identity (what buyers show), listener (connections). Beside it: admin, the operators' side. TestBuysRunOneWay holds the calls
// to it.
package edge
