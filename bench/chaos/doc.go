// Package chaos kills, stops, cuts off and slows down real parts in full sale, and holds what buyers heard against what
// was promised to them.
//
// A run is a function of its seed: it starts real servers (redis-server alone, under Sentinel or as a Cluster; edges, the
// built binary; toxiproxy between them), lets a bounded crowd buy, pay, cancel and ask, and strikes at a moment that
// the seed picks. When all is healed the crowd goes on until every unit is paid for. Then
//
//   - every exchange there was is judged: a Porcupine model per serial, and a plain search beside it that names
//     the two winners of a unit sold twice, the winner who was turned away, the "sold out" that was not true;
//   - the audit of the ledger must count every unit once, each of them confirmed;
//   - a run that was struck before 5 % or after 95 % was sold is no evidence: it counts for nothing and is repeated.
//
// The judges need no servers, and have tests of their own that plant what they must find (`make unit`). The runs are
// behind the build tag chaos (`make chaos`).
package chaos
