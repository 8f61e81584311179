// Package luascripts keeps ledgers in Redis: as Lua scripts, the article's hash among their keys. It is the only room that talks
// to Redis. Package ledger says what a ledger is and guarantees; package memory has the scripts' twin in Go.
//
// The scripts are in lua/script, each with its contract on top. What they share is in lua/lib, and stands in front of them.
// TestScriptsAndTwinAgree holds scripts and twin to every reply and the whole audit; testdata/scenarios are their stories, to be
// read. memory's doc says what the twin does not model.
//
// How the scripts keep what package ledger guarantees:
//
//   - Who runs a script on a sale puts its birth into the index of sales before anybody hears the answer (redis_index.go).
//   - The hash is the ledger's mirror: ticket_sold_nums = pending + confirmed. A hash changed by hand in any way but a
//     raised total stops grants and is named; what was sold already is settled all the same.
//   - An era is told by master_replid. A re-assertion is reassert.lua, slice by slice.
//   - What widens a right is acted on only when every replica seen in this era has it: WAIT, behind the script on its
//     connection. Who announces a port is a replica, and no more are than the operator says (--replicas); what others
//     acknowledge is taken off what WAIT counts. A replica that is gone is waited for until a new era, until a majority of
//     the Sentinels names this primary and would promote none but those it has, or until the operator says otherwise
//     (reopen.lua): so many are waited for from then on as there were when that was said, and if one has come or gone before
//     it is written, nothing is.
//   - An entry to a draw that was answered is on every replica. History that is lost takes entries, the draw or collected
//     lots with it as it takes all else: then lots are drawn anew, by the same seed, among those who are left.
//   - Where Redis would refuse the writes it refuses the script, before its first line: #!lua sees to that.
//   - A script validates first and writes last.
package luascripts
