-- collect.lua: free -> pending (row 6) by lot: a winner gets the unit that is kept for it, or the unit that it has collected
-- before. As in deduct.lua, one call has several buys, and the sale's limit and the idempotency key are part of each.
-- ARGV  caller, latest_us, buys, keys, as deduct.lua's (nothing is kept for an n other than 1), when a unit that was collected before is
--       answered again: 1: always; 0: while it is pending and the buy has no key
-- Reply deduct.lua's: 0 also where nothing is kept for the buyer.
-- Errors deduct.lua's.
-- Work    a sweep; of each buy one unit's fields, a rank in log(entrants), and what a buyer loses or is shown at its limit, as
--         deduct.lua.
-- needs: buy claim lots
-- row: 6
-- flags: widens
local ever = ARGV[5] == '1'

-- collected is the answer to a buyer who has collected its unit.
local function collected(it, block)
  Buy.flush()
  local its = Claim.read(block)
  if ever or not it.key and Claim.life(its) == Claim.PENDING then return Buy.claimed(it, its) end
  return Buy.none(it) -- as for anybody else
end

local function spare() return 0 end -- each unit is one buyer's

return Buy.each(ARGV, '', function(it)
  local block = redis.call('HGET', LOTS, it.buyer)
  if block then return collected(it, block) end
  if it.n ~= 1 or Lots.withheld() == 0 or not Run.lots.won(it.buyer) then return Buy.none(it) end
  local over = Buy.over_limit(it)
  if over then return over end
  local answer, refusal, claim = Buy.from_free(it)
  if claim then
    Run.lots.kept = Run.lots.kept - 1
    redis.call('HSET', LOTS, it.buyer, claim)
  end
  return answer, refusal
end, spare)
