-- cancel.lua: pending -> free (row 8), because the buyer does not want it. As in confirm.lua, the claim suffices. That it was
-- cancelled is kept for the hold and KEEP, so that a repeat gets the first answer.
-- ARGV  caller, claim (40 bytes)
-- Work    UNITS fields, an event, and up to seven commands of Free.add; the list of the claim's lease is copied once.
-- Reply {head, {state: 1 = was confirmed before, 2 = cancelled, 3 = was over before, 4 = was refunded before}}. Errors NOSALE BADSALE BIRTH
-- FOREIGN(gone) REASSERT.
-- needs: claim ledger sale
-- row: 8 5
-- flags: widens
local refused = Sale.open(ARGV[1])
if refused then return refused end

local c = Claim.read(ARGV[2])
local state = Claim.release(c)
if state == Claim.UNHEARD then return Claim.refuse_unheard(c) end
Ledger.commit(true)
return {Sale.head('-'), {state}}
