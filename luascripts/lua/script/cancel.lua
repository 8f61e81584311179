-- cancel.lua: pending -> free (row 8). The buyer does not want it. As confirm.lua, the claim suffices; that it was cancelled
-- is kept for the hold and KEEP, so that a repeat is answered as the first.
-- ARGV  caller, claim (40 bytes)
-- Work    UNITS fields, an event, and up to seven commands of free_add; the list of the claim's lease is copied once.
-- Reply {head, {state: 1 = was confirmed before, 2 = cancelled, 3 = was over before}}. Errors NOSALE BADSALE BIRTH
-- FOREIGN(gone) REASSERT.
-- needs: owners
-- row: 8 5
-- flags: widens
local refused = open(ARGV[1])
if refused then return refused end

local c = claim_read(ARGV[2])
local state = release(c)
if state == UNHEARD then return refuse_unheard(c) end
commit(true)
return {head('-'), {state}}
