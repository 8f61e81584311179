-- reopen.lua: the operator's word on a store that has lost history or replicas. What was waited for is waited for no more.
-- ARGV  caller, grants (1: grant units again now, though promises of lost history may be alive; 0: only the replicas)
-- Reply {head}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local refused = open(ARGV[1])
if refused then return refused end
local _, online = node()
L.replicas = online
if ARGV[2] == '1' then L.shut = 0 end
commit()
return {head('-')}
