-- release.lua: pending, confirmed -> free (row 13), because the operator gives the money back. As in confirm.lua, the claim
-- suffices. That it was refunded is kept for the hold and KEEP, so that a repeat gets the first answer. The units must still be
-- this claim's: a unit that was sold again stays with its new owner.
-- ARGV  caller, claim (40 bytes)
-- Work    UNITS fields, an event, and up to seven commands of Free.add; the list of the claim's lease is copied once.
-- Reply {head, {state: 4 = refunded, 2 = was cancelled before, 3 = was over before}}. Errors NOSALE BADSALE BIRTH
-- FOREIGN(gone) REASSERT.
-- needs: claim ledger sale
-- row: 13 5
-- flags: widens
local refused = Sale.open(ARGV[1])
if refused then return refused end

local c = Claim.read(ARGV[2])
local state = Claim.refund(c)
if state == Claim.UNHEARD then return Claim.refuse_unheard(c) end
Ledger.commit(true)
return {Sale.head('-'), {state}}
