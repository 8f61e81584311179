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
// Worse than a death is what comes back wrong: a server whose wall clock lies (a library of ours, built of clock/clock.c and
// preloaded, moves it while the server runs), a file that comes from a backup or a dump, a copy of an edge's rings, a
// replica that is cut off while it is counted. Where a store has forgotten a part of its history, that part is judged by what is
// promised for it (Forget): what was told may have come to nothing, but no unit may have two owners. A fault that did not
// come about is no evidence either. These tests are called by their row in ARCHITECTURE.md: TestP1 and so on.
//
// The judges need no servers, and have tests of their own that plant what they must find (`make unit`). The runs are
// behind the build tag chaos (`make chaos`).
package chaos
