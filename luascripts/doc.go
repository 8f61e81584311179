// Package luascripts keeps ledgers in Redis: in Lua scripts, with the article's hash among their keys. It is the only room
// that talks to Redis. Package ledger says what a ledger is and guarantees. Package memory has the scripts' twin in Go.
//
// The scripts are in lua/script, each with its contract on top. The code that they share is in lua/lib, and is put in front
// of them. A server keeps all of them as one library of functions (scripts_library.go); a server that refuses functions gets
// each script by itself (redis_functions.go). TestScriptsAndTwinAgree compares scripts and twin by every reply and the whole
// audit. testdata/scenarios has scenarios for people to read. The doc of package memory says what the twin does not model.
//
// How the scripts keep what package ledger guarantees:
//
//   - The caller of a script on a sale puts the sale's birth into the index of sales before anybody hears the answer
//     (redis_index.go).
//   - The hash is the ledger's mirror: ticket_sold_nums = pending + confirmed. If a hand changes the hash in any way but a
//     raised total, grants stop and the change is named. What was sold already is settled all the same.
//   - An era is told by master_replid. A re-assertion runs reassert.lua, slice by slice.
//   - An answer that widens a right is acted on only when every replica seen in this era has it: WAIT, behind the script on
//     its connection. A follower that announces a port is a replica, up to the number that the operator says (--replicas).
//     What other followers acknowledge is taken off what WAIT counts. A replica that is gone is waited for until a new era,
//     until a majority of the Sentinels names this primary and would promote none but the replicas it has, or until the
//     operator says otherwise (reopen.lua). From then on as many replicas are waited for as were there when that was said. If
//     one has come or gone before it is written, nothing is written.
//   - An answered entry to a draw is on every replica. A lost history takes entries, the draw and collected lots with it, as
//     it takes all else. Then lots are drawn again, by the same seed, among the entrants that are left.
//   - If Redis would refuse the script's writes, it refuses the script before its first line, because of #!lua.
//   - A script validates first and writes last.
package luascripts
