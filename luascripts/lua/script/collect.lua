-- collect.lua: free -> pending (row 6) by lot: the unit that is kept for a buyer who has drawn it, or the one it has collected
-- before. The sale's limit and the idempotency key are deduct.lua's, and are this one script, too.
-- ARGV  caller, n (1, or nothing is kept), nonce, buyer (8 bytes), latest_us (by Redis' clock: later, nobody waits any more; 0 = any
--       time), key (16 bytes, '' = none), 1: a unit collected before is had again whatever has become of it; 0: while it is
--       pending, and without a key
-- Reply deduct.lua's: 0 also where nothing is kept for the buyer.
-- Errors NOSALE BADSALE BIRTH FOREIGN TOOMANY NOBUYER LATE RECOVERING INDEXING, as deduct.lua's.
-- Work    a sweep; one unit's fields and event, a rank in log(entrants); what a buyer loses or is shown at its limit, as deduct.lua.
-- needs: buy claim lots sale sweep
-- row: 6
-- flags: widens
local it = {n = tonumber(ARGV[2]), nonce = tonumber(ARGV[3]), buyer = ARGV[4], key = ARGV[6]}
local ever = ARGV[7] == '1'

local refused, stop = Sale.open(ARGV[1])
refused = refused or Buy.out_of_bounds(it, tonumber(ARGV[5]))
if refused then return refused end
local told = Buy.told(it)
if told then return Buy.again(it, told) end
stop = stop or Buy.nobody(it) or Buy.recovering()
if stop then return stop end
Sweep.run(SWEEP)

local collected = redis.call('HGET', LOTS, it.buyer)
if collected then
  local its = Claim.read(collected)
  if ever or it.key == '' and Claim.life(its) == Claim.PENDING then return Buy.had(it, its) end
  return Buy.none() -- as for anybody else
end
if it.n ~= 1 or Lots.withheld() == 0 or not Run.lots.won(it.buyer) then return Buy.none() end
local over = Buy.over_limit(it)
if over then return over end
local c, unsure = Buy.from_free(it)
if not c then return Buy.none(unsure) end
Run.lots.kept = Run.lots.kept - 1
redis.call('HSET', LOTS, it.buyer, c.block)
return Buy.had(it, c)
