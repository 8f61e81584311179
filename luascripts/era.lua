-- era.lua follows common.lua: the history of the server, and what a cut in it means (E1, E2).

-- recovering says that a new era grants nothing yet (E2).
local function recovering() return L.shut > L.now end

local unpassed = 0 -- what ledger time was kept from passing

-- pass lets ledger time pass. Where history is lost it is the whole time since: promises made in it end by that clock.
local function pass(raw, all)
  local gap = math.max(raw - L.raw, 0)
  local passes = all and gap or math.min(gap, STEP)
  L.now, L.raw, unpassed = L.now + passes, raw, gap - passes
end

-- Where a server may have the ledger from, when its history is not the one the ledger was written in.
local MEMORY, DISK, PRIMARY = 1, 2, 3

-- origin is MEMORY where only the name is new: a first replica came, or the last one went. A process that may have begun
-- after the ledger was last written has it from its disk; any other was a replica, and has its primary's.
local function origin(s, raw)
  if s.run ~= 0 and s.run == L.run and not s.followed then return MEMORY end
  return raw - s.up + MARGIN > L.raw and DISK or PRIMARY
end

-- may_lack says that somebody may have acted on what came after the ledger as it is here: on a disk that did not have every
-- answer first, or that is another's; on a primary that had no replica to wait for.
local function may_lack(from, s)
  if from == DISK then return L.synced == 0 or not s.file or s.followed end
  return L.replicas == 0
end

-- covered is how long a promise binds: the sale's hold, or what stands for it.
local function covered() return L.hold > 0 and L.hold or COVER end

-- pass_on remembers how far the last eras came, as far as it is known here: who acted on more proves that it was lost.
local function pass_on()
  local list = {int(L.era) .. ':' .. int(L.rev)}
  for one in string.gmatch(L.past, '[^,]+') do
    if #list < PAST then list[#list + 1] = one end
  end
  L.past = table.concat(list, ',')
end

-- close grants nothing until every promise from before this era is over; or, where nothing is lost, until every owner of
-- a lease has spoken.
local function close()
  L.shut = math.max(L.shut, L.began + L.term + MARGIN + (L.lossy == 1 and covered() or 0))
  if lots then lots.ends = math.max(lots.ends, L.shut + covered()) end -- winners cannot collect meanwhile
end

-- enter begins a new era (E1, E2), or lets time pass and counts the replicas. Of I5 the most that were seen: a new era takes
-- off the one that was promoted, and no other, for they may be promoted yet. A recovery under way goes on in the new era.
local function enter(raw)
  local era, replicas = node()
  if L.era == 0 then L.era = era end
  local s = era ~= 0 and era ~= L.era and server()
  local from = s and origin(s, raw)
  if not s or from == MEMORY then
    pass(raw)
    if s then
      pass_on()
      L.era = era
    end
    L.replicas = math.max(L.replicas, replicas)
    return false
  end
  local lossy = may_lack(from, s)
  pass(raw, lossy)
  if recovering() then
    L.lossy = math.max(L.lossy, lossy and 1 or 0)
    L.floor = math.min(L.floor, L.fence)
  else
    L.lossy = lossy and 1 or 0
    L.floor = L.fence
  end
  pass_on()
  L.era, L.run, L.began = era, s.run, L.now
  L.early = L.now + (from == PRIMARY and PROOF or MARGIN)
  L.replicas = math.max(L.replicas - (from == PRIMARY and 1 or 0), replicas)
  L.events = L.events + LOST_EVENTS -- numbers that may have been told are not used again
  close()
  return true
end

-- lasts notes how long leases last: those in lost history, too.
local function lasts(term)
  if term <= L.term then return end
  L.term = term
  if recovering() then close() end
end

-- in_era ends what is said to who believes in a sale that is not here: in another era it may be so for a moment only.
local function in_era() return ' (era ' .. int((node())) .. ')' end
