-- expire.lua: pending -> free when the hold is over (row 8), and the rest of a sweep, one slice a call.
-- ARGV  caller ('' = any), items to look at, 1 to 512
-- Work    a sweep of so many items: up to 512 units, GROUP and twice UNITS more.
-- Reply {head (due = 1: call again), {units whose hold was over}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: ledger sale sweep
-- row: 8 10 11
-- flags: -
local refused = Sale.open(ARGV[1])
if refused then return refused end
local freed = Sweep.run(math.max(1, math.min(tonumber(ARGV[2]), 512)))
Ledger.commit(true)
return {Sale.head('-'), {freed}}
