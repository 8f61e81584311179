-- recovery.lua: who must speak in a new era, and what is not known before it has (E2, E3).
-- needs: era instance lease

-- awaits says that a recovery must wait for an instance: it has a lease from before, and has not said what it holds.
local function awaits(record)
  local era, fences = Instance.said(record)
  if tonumber(era) == L.era then return false end
  for fence in string.gmatch(fences, '%d+') do
    if tonumber(fence) <= L.floor and not Lease.read(fence).limbo then return true end
  end
  return false
end

-- reopen ends a recovery before its time: nothing was lost, every owner of a lease from before has said what it has, and
-- whoever lives has had a while to prove that something was. A call looks at about SPOKEN instances, and the next goes on where it
-- stopped (`spoken`, HSCAN's cursor): who is awaited no more will not be again in this era. So with many edges it takes several.
local function reopen()
  if not Era.recovering() or L.lossy == 1 or L.now < L.early then return end
  local scan = redis.call('HSCAN', INSTANCES, L.spoken or '0', 'COUNT', SPOKEN)
  for k = 2, #scan[2], 2 do
    if awaits(scan[2][k]) then return end
  end
  L.spoken = scan[1]
  if L.spoken == '0' then L.shut = 0 end
end

-- unheard says that history lost may have had this lease, or more of it than is back: its owner must re-assert it first, and all
-- that it holds (E3). What is back of a lease is asked for before.
local function unheard(fence)
  if not Era.recovering() or fence <= L.floor then return false end
  local lease = Lease.read(int(fence))
  return not lease or Instance.read(lease.inst).era ~= L.era
end

return {reopen = reopen, unheard = unheard}
