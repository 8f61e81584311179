-- reopen.lua: stops waiting for replicas that are gone and, on the operator's word, for promises of lost history that may be
-- alive. It sets the number of replicas that was agreed upon, or does nothing.
-- ARGV  caller, era (0 = whichever it is), the replicas when it was agreed upon (lineup(); '' = the count stays), the least
--       number that must be here, grants (1: grant units again now)
-- Work    INFO, up to three times.
-- Reply {head}. Errors NOSALE BADSALE BIRTH FOREIGN(gone) CHANGED (it is another era, or replicas have come or gone since).
-- needs: era ledger sale server
-- row: -
-- flags: -
local refused = Sale.open(ARGV[1])
if refused then return refused end
local era, agreed, least = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local online = Run.replicas
if era ~= 0 and era ~= L.era then return refuse('CHANGED', 'the server has another history by now') end
if agreed ~= '' and agreed ~= Server.lineup() then return refuse('CHANGED', 'replicas have come or gone meanwhile') end
if online < least then return refuse('CHANGED', int(online) .. ' replicas are here, not ' .. int(least)) end
if agreed ~= '' then
  local were = Era.were_before_vote()
  L.replicas, L.seen = online, Run.names
  Era.voted_out(were, agreed)
end
if ARGV[5] == '1' then L.shut = 0 end
Ledger.commit()
return {Sale.head('-')}
