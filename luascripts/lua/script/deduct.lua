-- deduct.lua: free -> pending (row 6), straight on the hash: the article's way, for several buys in one call. A buy takes n
-- serials in a row from the free stock, all or none; or, if there is one, the offered claim: it is from a lease, and nobody has
-- been told of it. Each buy is decided by itself: see buy.lua. A drawn unit is collect.lua's.
-- ARGV  caller, latest_us (the latest time by Redis' clock; 0 = any time), buys, big endian: n u32 of each, then nonce u64 of each, then
--       buyer 8 bytes of each; keys: 17 bytes each, a field of ANSWERS (zeros = none), or nothing if no buy has a key; offers: 44 bytes
--       each: which buy it is of u32 (from 1), claim 40 bytes
-- Reply {head, {answers}, {refusals}}. An answer is 56 bytes: 8 that callers do not read, n u32, answer u32, serial u32,
--       count u32, fence u64, nonce u64, expiry u64 (0 = never), end of the hold u64 (us, by TIME).
--       answer 0: unavailable; 1: granted; 2: over the limit, with the buyer's pending claim, if there is one; 3: the key was
--       used for another n; 4: refused, `serial` counts the text (from 0). A key that got 1 or 2 gets the same again, for the
--       hold and KEEP; of a buyer's keys that got 2, the first REFUSED do.
-- Errors NOSALE BADSALE BIRTH LATE (with the time by Redis' clock). A buy, or the call if it has no other buy: FOREIGN
-- TOOMANY NOBUYER RECOVERING REASSERT (the offer's lease may be lost history) INDEXING (nothing was decided: ask again). If the
-- reply is lost, the units are pending. They come back when their hold ends; in a sale without a hold, only the key finds them
-- again.
-- Work    a sweep; edges send up to 128 buys, of up to 512 units: those that are bought, and those that the buyers may have had
--         and not paid, which are a sale's limit each. Each is a field or, when it goes free, up to seven commands of Free.add;
--         and a field of the claim that a buyer is shown. Free ranges are found by their length, in log(ranges).
-- needs: buy claim lots
-- row: 6
-- flags: widens

-- offered is the answer to a buy with an offer.
local function offered(it)
  Buy.flush()
  if Claim.settled(it.offer) == Claim.PENDING then return Buy.claimed(it, it.offer) end
  return Buy.none(it)
end

local function spare() return L.free - Lots.withheld() end

return Buy.each(ARGV, ARGV[5], function(it)
  local over = Buy.over_limit(it)
  if over then return over end
  if it.offer then return offered(it) end
  if spare() < it.n then return Buy.none(it) end
  return Buy.from_free(it)
end, spare)
