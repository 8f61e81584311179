// Package chaos kills, stops, cuts off and slows down real servers in full sale, and checks the buyers' answers against the
// promises.
//
// A run is a function of its seed. It starts real servers: redis-server alone, under Sentinel or as a Cluster; edges from the
// built binary; toxiproxy between them. A bounded crowd buys, pays, cancels and looks. The fault strikes at a moment that the
// seed picks. After the fault is healed, the crowd goes on until every unit is paid for. Then
//
//   - every exchange is judged by a Porcupine model for each serial. A plain search beside the model names the two winners of
//     a unit that was sold twice, the winner who was turned away, and the "sold out" that was not true;
//   - in a sale with a limit per buyer, whose buyers send keys and ask at any edge until they have an answer, a key has one
//     answer, nobody has more than the limit, and a buyer who hears of the limit may have had as much;
//   - the audit of the ledger must count every unit once, each of them confirmed;
//   - a run that was struck before 5 % or after 95 % was sold does not count, and is repeated.
//
// Some servers come back wrong, which is worse than a death: a server has a wrong wall clock (a preloaded library, built from
// clock/clock.c, moves it while the server runs), its file is from a backup or a dump, an edge has a copy of the rings of
// another, or a replica is cut off while it is counted. Where a store has forgotten a part of its history, that part is
// judged by the promise for lost history (Forget): told wins may have come to nothing, but no unit may have two owners. A run in
// which the fault did not happen does not count either. These tests have the name of their row in ARCHITECTURE.md: TestP1 and
// so on.
//
// Beside this page the package has test files only. The judges need no servers. They have tests of their own, which plant what
// the judges must find (`make unit`). The runs are behind the build tag chaos (`make chaos`).
package chaos
