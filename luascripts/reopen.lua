-- reopen.lua: what was waited for is waited for no more: replicas that are gone, and, on the operator's word, promises of
-- lost history that may be alive.
-- ARGV  caller, era (0 = whichever it is), grants (1: grant units again now; 0: only the replicas are counted anew)
-- Reply {head}. In another era nothing is done. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local refused = open(ARGV[1])
if refused then return refused end
local era = tonumber(ARGV[2])
if era == 0 or era == L.era then
  local _, online = node()
  L.replicas = online
  if ARGV[3] == '1' then L.shut = 0 end
end
commit()
return {head('-')}
