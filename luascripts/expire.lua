-- expire.lua: pending -> free where the hold is over (row 8), and the rest of what every sweep does, a slice at a time.
-- ARGV  birth ('' = any), items to look at
-- Reply {head (due = 1: call again), {units whose hold was over}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local refused = open(ARGV[1])
if refused then return refused end
local freed = sweep(tonumber(ARGV[2]))
commit()
return {head('-'), {freed}}
