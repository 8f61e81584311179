-- collect.lua: free -> pending (row 6) by lot: a winner gets the unit that is kept for it, or the unit that it has collected
-- before. As in deduct.lua, the sale's limit and the idempotency key are part of this one script.
-- ARGV  caller, n (nothing is kept for an n other than 1), nonce, buyer (8 bytes), latest_us (the latest time by Redis' clock; 0
--       = any time), key (16 bytes, '' = none), when a unit that was collected before is answered again: 1: always; 0: while it
--       is pending and the call has no key
-- Reply deduct.lua's: 0 also where nothing is kept for the buyer.
-- Errors NOSALE BADSALE BIRTH FOREIGN TOOMANY NOBUYER LATE RECOVERING INDEXING, as deduct.lua's.
-- Work    a sweep; one unit's fields and event, a rank in log(entrants); what a buyer loses or is shown at its limit, as
--       deduct.lua.
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
