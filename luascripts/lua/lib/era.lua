-- era.lua: the history of the server, and what a cut in it means (E1, E2).
-- needs: server

-- recovering says that a new era grants nothing yet (E2).
local function recovering() return L.shut > L.now end

-- pass lets ledger time pass: at most STEP, whatever the clock says.
local function pass(raw)
  L.now, L.raw = L.now + math.min(math.max(raw - L.raw, 0), STEP), raw
end

-- Where a server may have the ledger from, if its history is not the one in which the ledger was written.
local MEMORY, DISK, PRIMARY, UNKNOWN = 1, 2, 3, 4

-- origin asks no clock. If the same process has followed nobody, it has the ledger in its MEMORY, and only the name of its
-- history is new: a first replica came, or the last one went. If a process got no data from a master and was never promoted,
-- it has the ledger from its DISK. If a process got data from a master, and was promoted while it followed the very history
-- in which the ledger was written, it has the ledger from its PRIMARY. All else is UNKNOWN: a file of a server that had
-- replicas, a replica promoted before its sync was over, counters that were reset (CONFIG RESETSTAT), a refused INFO, a
-- history of which no script has heard. One residue: a replica that began with its own dump (no append-only file) of this
-- very history, and was promoted during a full sync, looks like one whose sync was over.
local function origin(s)
  if s.run == 0 or s.fed == nil then return UNKNOWN end
  if s.followed == 0 then return s.run == L.run and MEMORY or not s.fed and DISK or UNKNOWN end
  return s.fed and s.followed == L.era and PRIMARY or UNKNOWN
end

-- may_lack says that somebody may have acted on answers that are newer than the ledger as it is here: from a disk that did
-- not have every answer first, or from a primary that waited for no replica. If it is not known, it counts as the worse.
local function may_lack(from, s)
  if from == DISK then return L.synced == 0 or not s.file end
  return from ~= PRIMARY or L.replicas == 0
end

-- covered is how long a promise binds: the sale's hold, or COVER if the sale has none.
local function covered() return L.hold > 0 and L.hold or COVER end

-- pass_on remembers the last rev of each era: an instance that has acted on a later rev proves that history was lost. An edge
-- may have rested through many eras. Only a script that begins an era, or re-asserts, reads them.
local function pass_on()
  local list = {int(L.era) .. ':' .. int(L.rev)}
  for one in string.gmatch(redis.call('HGET', LEDGER, 'past') or '', '[^,]+') do
    if #list < PAST then list[#list + 1] = one end
  end
  L.past = table.concat(list, ',')
end

-- close_grants grants nothing until every promise from before this era is over. If nothing was lost, it grants nothing until
-- every owner of a lease has re-asserted. Either way it first gives living edges the time to prove a loss, because a file may
-- be a backup.
local function close_grants()
  L.shut = math.max(L.shut, L.began + math.max(L.term + MARGIN, PROOF) + (L.lossy == 1 and covered() or 0))
  local lots = Run.lots
  if not lots then return end
  lots.ends = math.max(lots.ends, L.shut + covered()) -- winners cannot collect meanwhile
  if L.lossy == 1 then lots.over = -1 end
end

-- cut_off marks where the history that is known here ends. Fences above that may have been used in lost history. If the
-- ledger comes from a file, perhaps nobody is left to prove it. Those fences are not used again, even if the clock is behind:
-- they followed a clock that was at `raw` when the ledger was written. One file may come back twice, so the distance to the
-- next fence depends on the era, which is drawn at random.
local function cut_off(lost, file, raw, era)
  local already = recovering() and L.lossy == 1
  L.floor = recovering() and math.min(L.floor, L.fence) or L.fence
  L.lossy = (already or lost) and 1 or 0
  local apart = L.lossy == 1 or file
  L.fence = math.max(L.fence, raw) + (apart and LOST_FENCES + era % 65536 * ERA_FENCES or 0)
end

-- L.seen is the names of the replicas that were seen in this era. `-` stands before a name that was seen in the era before, and
-- not yet in this one. Such names end when as many replicas have been seen as are waited for.

local SEEN_MOST = 4096 -- bytes: with --replicas, any number of other followers may come and go

-- from_before marks the names for a new era.
local function from_before(seen) return (string.gsub(seen or '', '%-?([^,]+,)', '-%1')) end

-- meet waits for a newcomer, and for all that were waited for as well: who is gone may be promoted, and what a newcomer
-- acknowledges is then lost. A newcomer takes a place that is counted and has no name, unless names of the era before have it.
local function meet(seen)
  for name in string.gmatch(Run.names, '[^,]+,') do
    local list = ',' .. seen
    local from, to = string.find(list, ',-' .. name, 1, true)
    if from then
      seen = string.sub(list, 2, from) .. string.sub(list, from + 2, to) .. string.sub(list, to + 1)
    elseif not string.find(list, ',' .. name, 1, true) and #seen < SEEN_MOST then
      if string.find(list, ',-', 1, true) then L.replicas = L.replicas + 1 end
      seen = seen .. name
    end
  end
  local _, all = string.gsub(seen, ',', '')
  local _, before = string.gsub(',' .. seen, ',%-', '')
  L.replicas = math.min(math.max(L.replicas, all - before), Run.most_told or math.huge)
  if all - before >= L.replicas then seen = string.gsub(',' .. seen, ',%-[^,]+', ''):sub(2) end
  L.seen = seen
end

-- A vote takes replicas off the count because they cannot be promoted. A replica that comes back can be. While it is here it
-- is counted, but it may come and go between two scripts. voted is how many there were and the lineup that was agreed upon;
-- '': no replica is voted out.

-- parts_of a lineup: how many replicas follow, and how often any began to follow.
local function parts_of(text)
  local names, syncs = string.match(text, '^(.*)#(%d+)$')
  local _, here = string.gsub(names or '', '[^,]+', '')
  return here, tonumber(syncs)
end

-- vote_ends waits again for as many replicas as before the vote, if more have come since the vote than are here.
local function vote_ends()
  if not L.voted or L.voted == '' then return end
  local were, agreed = string.match(L.voted, '^(%d+) (.*)$')
  if L.replicas >= tonumber(were) then -- all are back
    L.voted = ''
    return
  end
  local here, syncs = parts_of(Server.lineup())
  local then_here, then_syncs = parts_of(agreed)
  if syncs and (syncs < then_syncs or syncs - then_syncs > math.max(here - then_here, 0)) then
    L.replicas, L.voted = math.max(L.replicas, tonumber(were)), ''
  end
end

-- voted_out keeps a vote, or on a new server an older one.
local function voted_out(were, agreed)
  L.voted = were > L.replicas and int(were) .. ' ' .. agreed or ''
end

local function were_before_vote() return math.max(L.replicas, tonumber(string.match(L.voted or '', '^%d+')) or 0) end

-- enter begins a new era (E1, E2) if there is one. Otherwise it lets time pass and counts the replicas. Of I5's replicas it
-- keeps the most that were seen: a new era takes off only the promoted one, because the others may be promoted yet. A
-- recovery that was under way when the history was cut goes on in the new era, however much time has passed since.
-- Units that were re-asserted in it, and are lost again, may be re-asserted again: so the floor stays where it was.
local function enter(raw)
  local era, replicas = Server.node()
  if L.era == 0 then L.era = era end
  local s = era ~= 0 and era ~= L.era and Server.process()
  local from = s and origin(s)
  if not s or from == MEMORY then
    pass(raw)
    if s then
      pass_on()
      L.era = era
    end
    if Run.names ~= '' and Run.names ~= L.seen then meet(L.seen or '') end
    L.replicas = math.max(L.replicas, replicas)
    vote_ends()
    return false
  end
  cut_off(may_lack(from, s), from == DISK, math.max(L.raw, raw), era)
  L.backup = (from == DISK or recovering() and L.backup == 1) and 1 or 0
  pass(raw)
  pass_on()
  L.era, L.run, L.began, L.spoken = era, s.run, L.now, '0'
  L.early = L.now + PROOF
  local promoted, were = from == PRIMARY and 1 or 0, were_before_vote()
  L.replicas = math.max(L.replicas - promoted, 0)
  meet(from ~= UNKNOWN and L.replicas > 0 and from_before(L.seen) or '')
  voted_out(were - promoted, Server.lineup())
  L.events = L.events + LOST_EVENTS -- numbers that may have been used are not used again
  close_grants()
  return true
end

-- lasts notes the longest term of a lease: leases in lost history last as long.
local function lasts(term)
  if term <= L.term then return end
  L.term = term
  if recovering() then close_grants() end
end

-- named ends the refusal of a sale that is not here. The caller reads the era in it, because in another era the sale may be
-- missing for a moment only.
local function named() return ' (era ' .. int((Server.node())) .. ')' end

-- lossy says that promises may be alive that are not written here.
local function lossy() return recovering() and L.lossy == 1 end

-- lose begins a lossy recovery in an era that seemed to have lost nothing, because somebody has proved that it has.
local function lose()
  if lossy() then return end
  cut_off(true, false, 0, L.era)
  L.began = L.now
  L.early = math.max(L.early, L.now)
  close_grants()
end

-- catch_up moves ledger time, after a loss, to the latest time that a living edge has been told. It asks no clock. So what
-- was over when its units were sold to others stays over, and an outage shortens no other hold.
local function catch_up(told)
  if not lossy() or told <= L.now then return end
  L.early = L.early + told - L.now
  L.now, L.began = told, told
  close_grants()
end

-- unsure says that the true ledger time may be later than it is here. History was lost, or this file may be a backup, and the
-- edges that lived through what is missing have not had the time to say so. Until then nothing may be confirmed.
local function unsure() return recovering() and L.now < L.early and (L.lossy == 1 or L.backup == 1) end

return {recovering = recovering, covered = covered, enter = enter, lasts = lasts, named = named, lossy = lossy, lose = lose,
  catch_up = catch_up, unsure = unsure, voted_out = voted_out, were_before_vote = were_before_vote}
