-- show.lua: the sale as it is now. Writes nothing, not even the ledger of a hash from which nobody has bought yet.
-- ARGV  caller ('' = any)
-- Work    INFO, up to three times.
-- Reply {head, {why nothing is granted, or '', units added by hand that no script has taken yet, SHA-256 of the lots' seed
--       ('' = no lots), the seed ('' = still secret), lineup() ('' = no replica is missing), the ledger time until which edges
--       may sell from leases of lost history (0 = none does)}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: sale server
-- row: -
-- flags: no-writes
local refused, stop = Sale.open(ARGV[1], true)
if refused then return refused end
local online = Run.replicas
local why = stop and stop.err or ''
if why == '' and online < L.replicas then why = 'MISSING ' .. int(online) .. ' of ' .. int(L.replicas) .. ' replicas' end

-- selling_until: for its seller, a lease of lost history ends at the latest a longest term after the era began.
local function selling_until()
  local ends = L.began + L.term + MARGIN
  return L.early > 0 and ends > L.now and ends or 0
end

local lots = Run.lots
return {Sale.head('-'), {why, why == '' and Run.hash.raised or 0, lots and lots.seal or '', lots and lots.seed_shown() or '',
  online < L.replicas and Server.lineup() or '', selling_until()}}
