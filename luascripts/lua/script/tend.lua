-- tend.lua: what a sale needs while nobody buys: ledger time passes, and what is over ends (rows 8, 10, 11).
-- Between two scripts ledger time gains at most STEP, because a clock may have jumped. A caller that has lived through the time
-- between knows better. It names an answer that it got, and how long ago that is by its monotonic clock. Then ledger time gains
-- that, if the server's clock says so, too. This holds only if no script since that answer has given somebody a time (a deadline,
-- a hold), because its receiver counts from there. So the holds of a sale end in time although it is called once a minute.
-- ARGV  caller ('' = any), items to look at, 1 to 512; of an answer: era, rev (0 = none), ledger time, raw; how long ago, us
-- Reply {head (due = 1: call again), {units whose hold was over, the ledger time at which a hold may be
--       over, or a recovery is; 0 = none}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- Work    as expire.lua.
-- needs: era ledger sale sweep
-- row: 8 10 11
-- flags: -
local refused = Sale.open(ARGV[1])
if refused then return refused end

local era, rev, now, raw, ago = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
if rev > 0 and era == L.era and rev >= Ledger.anchored() then
  L.now = math.max(L.now, now + math.min(ago, L.raw - raw))
end

local freed = Sweep.run(math.max(1, math.min(tonumber(ARGV[2]), 512)))
Ledger.commit(true)

local more = Run.due == 1 and L.now or Era.recovering() and L.shut or 0
local ends = tonumber(redis.call('ZRANGE', HOLDS, '0', '0', 'WITHSCORES')[2] or 0)
if ends > 0 and (more == 0 or ends < more) then more = ends end
return {Sale.head('-'), {freed, more}}
