-- prolong.lua: a pending reservation's hold ends later (row 14), because its payment is under way. If the claim is not settled
-- yet, it is settled here first (row 5), so the bound of row 11 stays as it is. The end is counted from the first end, which the
-- owner keeps, and is at most the sale's hold later: a repeat changes nothing, and an end never comes nearer. HOLDS stays as it is,
-- because the sweep puts back a serial whose end has moved on.
-- ARGV  caller, claim (40 bytes), how long after the first end (us)
-- Work    UNITS fields and an event; the list of the claim's lease is copied once.
-- Reply {head, {state: 0 = pending until then, 1 = was confirmed before, 2 = cancelled, 3 = over, 4 = refunded; end of the hold (us,
--       by TIME)}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone) REASSERT RECOVERING (as confirm.lua).
-- needs: claim era ledger sale
-- row: 14 5
-- flags: widens
local refused = Sale.open(ARGV[1])
if refused then return refused end

local c = Claim.read(ARGV[2])
if Era.unsure() and Claim.lives(c) then
  Ledger.commit() -- time passes even if nobody else calls
  return refuse('RECOVERING', 'history was lost: who lived through it has not said yet how late it is')
end
local state, values = Claim.settled(c)
if state == Claim.UNHEARD then return Claim.refuse_unheard(c) end
local ends = c.expiry
if state == Claim.PENDING then ends = Claim.prolong(c, values, tonumber(ARGV[3])) end
Ledger.commit()
return {Sale.head('-'), {state, Claim.until_us(ends)}}
