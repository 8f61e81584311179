-- deduct.lua: free -> pending (row 6), the article's fallback: one buy, straight on the hash. Takes n consecutive serials
-- from the free stock, all or none, or else the claim offered: one from a lease that nobody has been told of. The sale's
-- limit, the idempotency key and the deduction are this one script: none without the others. A drawn unit is collect.lua's.
-- ARGV  caller, n, nonce, buyer (8 bytes), latest_us (by Redis' clock: later, nobody waits any more; 0 = any time),
--       key (16 bytes, '' = none), offered claim (40 bytes, '' = none)
-- Reply {head, {answer, serial, count, fence, nonce, expiry (0 = never), end of the hold (us, by TIME)}}
--       answer 0 none had; 1 had; 2 over the limit, with the buyer's own pending claim, if any; 3 the key was used for
--       another n. A key that had 1 or 2 hears the same again, for the hold and KEEP; of a buyer's that had 2 the first REFUSED.
-- Errors NOSALE BADSALE BIRTH FOREIGN TOOMANY NOBUYER LATE (with the time by Redis' clock) RECOVERING REASSERT
-- (the offer's lease may be lost history) INDEXING (nothing was decided: ask again). A lost reply leaves units
-- pending: they come back when their hold ends, and where there is none only a key finds them again.
-- Work    a sweep; UNITS fields and events of what is bought, of what the buyer loses that was not paid in time and of what it
--         is shown: a buyer has at most a sale's limit, 100 units. Free ranges are found by their length, in log(ranges).
-- needs: buy claim lots sale sweep
-- row: 6
-- flags: widens
local it = {n = tonumber(ARGV[2]), nonce = tonumber(ARGV[3]), buyer = ARGV[4], key = ARGV[6]}
local offer = ARGV[7] ~= '' and Claim.read(ARGV[7])

local refused, stop = Sale.open(ARGV[1])
refused = refused or Buy.out_of_bounds(it, tonumber(ARGV[5]))
if refused then return refused end
if offer and Claim.life(offer) == Claim.UNHEARD then return Claim.refuse_unheard(offer) end

-- An offer is not needed where its key was told before: it goes free, unless it is what the key was told.
local told, id = Buy.told(it)
if told then
  if offer and offer.id ~= id then Claim.release(offer) end
  return Buy.again(it, told)
end
stop = stop or Buy.nobody(it) or not offer and Buy.recovering()
if stop then return stop end
Sweep.run(SWEEP)

local over = Buy.over_limit(it)
if over then return over end
local c, unsure
if offer then
  c = Claim.settled(offer) == Claim.PENDING and offer
elseif L.free - Lots.withheld() >= it.n then
  c, unsure = Buy.from_free(it)
end
if not c then return Buy.none(unsure) end
return Buy.had(it, c)
