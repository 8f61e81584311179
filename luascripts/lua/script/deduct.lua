-- deduct.lua: free -> pending (row 6), the article's fallback: one buy, straight on the hash. It takes n serials in a row from
-- the free stock, all or none; or, if there is one, the offered claim: it is from a lease, and nobody has been told of it. The
-- sale's limit, the idempotency key and the deduction are one script, so none happens without the others. A drawn unit is
-- collect.lua's.
-- ARGV  caller, n, nonce, buyer (8 bytes), latest_us (the latest time by Redis' clock; 0 = any time), key (16
--       bytes, '' = none), offered claim (40 bytes, '' = none)
-- Reply {head, {answer, serial, count, fence, nonce, expiry (0 = never), end of the hold (us, by TIME)}}
--       answer 0: unavailable; 1: granted; 2: over the limit, with the buyer's pending claim, if there is one; 3: the key was
--       used for another n. A key that got 1 or 2 gets the same again, for the hold and KEEP; of a buyer's keys that got 2, the
--       first REFUSED do.
-- Errors NOSALE BADSALE BIRTH FOREIGN TOOMANY NOBUYER LATE (with the time by Redis' clock) RECOVERING REASSERT
-- (the offer's lease may be lost history) INDEXING (nothing was decided: ask again). If the reply is lost, the units are
-- pending. They come back when their hold ends; in a sale without a hold, only the key finds them again.
-- Work    a sweep; UNITS fields and events for each of: what is bought, what the buyer did not pay in time, and the claim that it
--         is shown. A buyer has at most a sale's limit, 100 units. Free ranges are found by their length, in log(ranges).
-- needs: buy claim lots sale sweep
-- row: 6
-- flags: widens
local it = {n = tonumber(ARGV[2]), nonce = tonumber(ARGV[3]), buyer = ARGV[4], key = ARGV[6]}
local offer = ARGV[7] ~= '' and Claim.read(ARGV[7])

local refused, stop = Sale.open(ARGV[1])
refused = refused or Buy.out_of_bounds(it, tonumber(ARGV[5]))
if refused then return refused end
if offer and Claim.life(offer) == Claim.UNHEARD then return Claim.refuse_unheard(offer) end

-- If the key was answered before, the offer is not needed. It goes free, unless it is the claim in that answer.
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
