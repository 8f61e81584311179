// Package crowd is who buys. It has three crowds: [Run], our own bounded one, and the well-known tools [Wrk] and [AB]. [Conn] is
// one buyer's connection. [Answer] is the one reader of what buyers hear, and [Wins] notes many answers.
//
// Nothing is ever sent twice. A request whose connection broke may have been served, and a second one could buy a second unit.
// Every request of a [Run] ends in exactly one of three counts: answered, failed in transport, or never sent because the run was
// cancelled.
//
// A crowd shares two cores with the servers that it loads, so it is cheap: one goroutine and one connection per buyer, no pool,
// no request queue. In a closed loop the next request waits for the answer, and the connections take request numbers from one
// atomic counter. In an open loop requests come at a rate, whatever the server does.
//
// The output of a tool is read strictly: if a necessary line is missing or does not parse, that is an error. So a change in a
// tool's format can never become a wrong number. Faults are kept beside the figures.
package crowd
