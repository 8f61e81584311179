-- recovery.lua: which instances must re-assert in a new era, and what is not known until they have (E2, E3).
-- needs: era instance lease

-- awaits says that a recovery must wait for an instance: it has a lease from before, and has not re-asserted.
local function awaits(record)
  local era, fences = Instance.said(record)
  if tonumber(era) == L.era then return false end
  for fence in string.gmatch(fences, '%d+') do
    if tonumber(fence) <= L.floor and not Lease.read(fence).limbo then return true end
  end
  return false
end

-- reopen ends a recovery early, if nothing was lost, every owner of a lease from before has re-asserted, and every living
-- edge has had the time to prove a loss. A call looks at about SPOKEN instances, and the next call goes on where it stopped
-- (`spoken`, HSCAN's cursor). That is safe because an instance that is not awaited now will not be awaited later in this era.
-- So with many edges reopen takes several calls.
local function reopen()
  if not Era.recovering() or L.lossy == 1 or L.now < L.early then return end
  local scan = redis.call('HSCAN', INSTANCES, L.spoken or '0', 'COUNT', SPOKEN)
  for k = 2, #scan[2], 2 do
    if awaits(scan[2][k]) then return end
  end
  L.spoken = scan[1]
  if L.spoken == '0' then L.shut = 0 end
end

-- unheard says that lost history may have had this lease, or more of it than is back. Its owner must first re-assert it, with
-- all that the owner holds (E3). Callers look first at what is back of the lease.
local function unheard(fence)
  if not Era.recovering() or fence <= L.floor then return false end
  local lease = Lease.read(int(fence))
  return not lease or Instance.read(lease.inst).era ~= L.era
end

return {reopen = reopen, unheard = unheard}
