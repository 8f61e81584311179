-- cancel.lua: pending -> free (row 8). The buyer does not want it. As confirm.lua, the claim suffices; that it was cancelled
-- is kept for the hold and KEEP, so that a repeat is answered as the first.
-- ARGV  birth, claim (40 bytes)
-- Reply {head, {state: 1 = was confirmed before, 2 = cancelled, 3 = was over before}}. Errors NOSALE BADSALE BIRTH
-- FOREIGN(gone).
local refused = open(ARGV[1])
if refused then return refused end

local state = release(claim_read(ARGV[2]))
commit()
return {head('-'), {state}}
