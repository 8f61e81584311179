-- leases.lua follows promises.lua: what instances hold, and what a new era makes of it (E3).
-- needs: promises

local list_of

-- Leases: field fence of LEASES is 'instance request deadline hold limbo ranges', what is left of it in ranges. A new era
-- moves every deadline as if its lease were renewed when it began, for a renewal may be lost: not in the record, but for
-- whoever reads it. So its place in DEADLINES may be too early: the sweep looks.

-- What is left of a lease is its list, the text, and beside it what was read of the text: all of it (rem), or here and there
-- a stretch (see stretch_at). list_of makes a list of it again.
local LAZY = {__index = function(lease, field)
  if field ~= 'rem' then return nil end
  local rem = {}
  for a, b in string.gmatch(list_of(lease), '(%d+)-(%d+)') do rem[#rem + 1] = {tonumber(a), tonumber(b)} end
  lease.rem, lease.stretches = rem, nil
  return rem
end}

local function lease_read(fence)
  local text = redis.call('HGET', LEASES, fence)
  if not text then return nil end
  local inst, req, deadline, hold, limbo, at = string.match(text, '^(%S+) (%d+) (%d+) (%d+) (%d) ()')
  return setmetatable({fence = fence, inst = inst, req = tonumber(req), deadline = math.max(tonumber(deadline), L.began + L.term),
    hold = tonumber(hold), limbo = limbo ~= '0', list = string.sub(text, at)}, LAZY)
end

-- lease_due is when a lease moves on: into limbo, or out of it.
local function lease_due(lease) return lease.deadline + MARGIN + (lease.limbo and lease.hold or 0) end

-- Instances: field id of INSTANCES is 'batch asked era fences node'; the era is the last it has re-asserted in; the node's
-- name comes last, it may hold anything.

local function instance_read(inst)
  local text = redis.call('HGET', INSTANCES, inst)
  local seq, asked, era, list, node = string.match(text or '', '^(%d+) (%d+) (%d+) (%S*) (.*)$')
  local fences = {}
  for f in string.gmatch(list or '', '%d+') do fences[#fences + 1] = f end
  return {id = inst, node = node or '-', seq = tonumber(seq or 0), asked = tonumber(asked or 0), era = tonumber(era or 0),
    fences = fences, new = not text}
end

local function instance_write(i)
  redis.call('HSET', INSTANCES, i.id, int(i.seq) .. ' ' .. int(i.asked) .. ' ' .. int(i.era) .. ' ' ..
    table.concat(i.fences, ',') .. ' ' .. i.node)
  if i.new then redis.call('ZADD', ASKED, 'NX', int(i.asked), i.id) end -- lest it be kept for ever
end

local function lease_end(lease)
  redis.call('HDEL', LEASES, lease.fence)
  redis.call('ZREM', DEADLINES, lease.fence)
  local i = instance_read(lease.inst)
  for k, f in ipairs(i.fences) do
    if f == lease.fence then
      table.remove(i.fences, k)
      break
    end
  end
  instance_write(i)
end

-- lease_write keeps a lease, or ends it when nothing is left of it.
local function lease_write(lease)
  local list = list_of(lease)
  if list == '' then return lease_end(lease) end
  redis.call('HSET', LEASES, lease.fence, lease.inst .. ' ' .. int(lease.req) .. ' ' .. int(lease.deadline) .. ' ' ..
    int(lease.hold) .. ' ' .. (lease.limbo and '1' or '0') .. ' ' .. list)
  redis.call('ZADD', DEADLINES, int(lease_due(lease)), lease.fence)
end

local function count(ranges)
  local n = 0
  for _, r in ipairs(ranges) do n = n + r[2] - r[1] end
  return n
end

-- units counts what is left of a lease.
local function units(lease)
  local n = 0
  for a, b in string.gmatch(list_of(lease), '(%d+)-(%d+)') do n = n + b - a end
  return n
end

-- at_or_before is the last range of rem that begins at s or before it; 0: none does.
local function at_or_before(rem, s)
  local low, high = 0, #rem
  while low < high do
    local mid = math.ceil((low + high) / 2)
    if rem[mid][1] <= s then low = mid else high = mid - 1 end
  end
  return low
end

-- holds_range says which range of rem holds all of [a, b), or nil.
local function holds_range(rem, a, b)
  local k = at_or_before(rem, a)
  if k > 0 and b <= rem[k][2] then return k end
  return nil
end

-- cut takes [a, b) out of range k, which holds it.
local function cut(rem, k, a, b)
  local r = rem[k]
  if r[1] == a and r[2] == b then
    table.remove(rem, k)
  elseif r[1] == a then
    r[1] = b
  elseif r[2] == b then
    r[2] = a
  else
    table.insert(rem, k + 1, {b, r[2]})
    r[2] = a
  end
end

-- cut_all takes what there is of [a, b) out of rem, and returns it.
local function cut_all(rem, a, b)
  local got = {}
  for k = at_or_before(rem, b - 1), 1, -1 do
    local from, to = math.max(a, rem[k][1]), math.min(b, rem[k][2])
    if from >= to then break end
    cut(rem, k, from, to)
    table.insert(got, 1, {from, to})
  end
  return got
end

-- place is where in a list the text of the last range begins that is at a or before; 1: none is. It is found by halves, for a
-- lease that nobody settles steadily may be in thousands of ranges.
local function place(list, a)
  local low, high = 1, #list + 1
  while high - low > 64 do
    local mid = math.floor((low + high) / 2)
    local comma = string.find(list, ',', mid, true)
    if comma and comma < high - 1 and tonumber(string.match(list, '^%d+', comma + 1)) <= a then low = comma + 1 else high = mid end
  end
  while true do
    local on = string.match(list, '^%d+%-%d+,()', low)
    if not on or tonumber(string.match(list, '^%d+', on)) > a then return low end
    low = on
  end
end

-- stretch_at is the range whose text begins there: its serials, where the next one's text begins, and what is left of it (rem).
local function stretch_at(lease, at)
  local known = rawget(lease, 'stretches') or {}
  lease.stretches = known
  local s = known[at]
  if not s then
    local from, to, on = string.match(lease.list, '^(%d+)-(%d+),?()', at)
    from, to = tonumber(from), tonumber(to)
    s = {from = from, to = to, at = at, on = on, rem = {{from, to}}}
    known[at] = s
  end
  return s
end

-- lease_has is the stretch that has all of [a, b), and which range of what is left of it; or nil. Who asks for one serial after
-- the other finds it at once. The list is not empty, and nobody has asked for rem.
local function lease_has(lease, a, b)
  local s = lease.near
  if not s or a < s.from or a >= s.to then
    s = stretch_at(lease, place(lease.list, a))
    lease.near = s
  end
  local k = holds_range(s.rem, a, b)
  if k then return s, k end
end

-- lease_cut takes what there is of [a, b) out of a lease, and returns it.
local function lease_cut(lease, a, b)
  local got, at = {}, place(lease.list, a)
  while at <= #lease.list do
    local s = stretch_at(lease, at)
    if s.from >= b then break end
    for _, r in ipairs(cut_all(s.rem, a, b)) do got[#got + 1] = r end
    at = s.on
  end
  return got
end

local function put_ranges(list, rem)
  for _, r in ipairs(rem) do list[#list + 1] = int(r[1]) .. '-' .. int(r[2]) end
end

-- list_of is what is left of a lease as it is written. What nobody has read is copied as it is.
function list_of(lease)
  local rem, stretches, list = rawget(lease, 'rem'), rawget(lease, 'stretches'), {}
  if rem then
    put_ranges(list, rem)
    return table.concat(list, ',')
  end
  if not stretches then return lease.list end
  local sorted, at = {}, 1
  for _, s in pairs(stretches) do sorted[#sorted + 1] = s end
  table.sort(sorted, function(x, y) return x.at < y.at end)
  for _, s in ipairs(sorted) do
    if s.at > at then list[#list + 1] = string.sub(lease.list, at, s.at - 2) end
    put_ranges(list, s.rem)
    at = s.on
  end
  if at <= #lease.list then list[#list + 1] = string.sub(lease.list, at) end
  return table.concat(list, ',')
end

local function counter(lease) return lease.limbo and 'limbo' or 'leased' end

-- move_limbo takes a lease into limbo, or out of it.
local function move_limbo(lease, limbo)
  if lease.limbo == limbo then return end
  local n = units(lease)
  L[counter(lease)] = L[counter(lease)] - n
  lease.limbo = limbo
  L[counter(lease)] = L[counter(lease)] + n
end

local freeing = FREES -- ranges of leases that this script may still set free: each is up to seven commands

-- lease_free gives all that is left of a lease back to the free stock (rows 9 and 11). What is too much for one script waits
-- in limbo, and is due at once.
local function lease_free(lease)
  local list, at, n = list_of(lease), 1, 0
  while freeing > 0 and at <= #list do
    local a, b, on = string.match(list, '^(%d+)-(%d+),?()', at)
    free_add(tonumber(a), tonumber(b))
    n, at, freeing = n + b - a, on, freeing - 1
  end
  L[counter(lease)] = L[counter(lease)] - n
  L.free = L.free + n
  if n > 0 then L.gen = L.gen + 1 end
  lease.list, lease.rem, lease.stretches = string.sub(list, at), nil, nil
  if lease.list ~= '' then
    due = 1
    move_limbo(lease, true)
    lease.deadline = math.min(lease.deadline, L.now - MARGIN - lease.hold)
  end
  lease_write(lease)
end

local function lease_limbo(lease)
  move_limbo(lease, true)
  lease_write(lease)
end

-- awaits says that a recovery must wait for an instance: it has a lease from before, and has not said what it holds.
local function awaits(record)
  local era, fences = string.match(record, '^%d+ %d+ (%d+) (%S*) ')
  if tonumber(era) == L.era then return false end
  for fence in string.gmatch(fences, '%d+') do
    if tonumber(fence) <= L.floor and not lease_read(fence).limbo then return true end
  end
  return false
end

-- reopen ends a recovery before its time: nothing was lost, every owner of a lease from before has said what it has, and
-- whoever lives has had a while to prove that something was. A call looks at about SPOKEN instances, and the next goes on where it
-- stopped (`spoken`, HSCAN's cursor): who is awaited no more will not be again in this era. So with many edges it takes several.
local function reopen()
  if not recovering() or L.lossy == 1 or L.now < L.early then return end
  local scan = redis.call('HSCAN', INSTANCES, L.spoken or '0', 'COUNT', SPOKEN)
  for k = 2, #scan[2], 2 do
    if awaits(scan[2][k]) then return end
  end
  L.spoken = scan[1]
  if L.spoken == '0' then L.shut = 0 end
end

-- lossy says that promises may be alive that are not written here.
local function lossy() return recovering() and L.lossy == 1 end

-- lose begins a recovery in an era that seemed to have lost nothing: somebody has proved that it has.
local function lose()
  if lossy() then return end
  cut_off(true, false, 0, L.era)
  L.began = L.now
  L.early = math.max(L.early, L.now)
  close()
end

-- catch_up makes it as late, where history was lost, as somebody who lived through it has been told. No clock is asked: what
-- was over when others were sold its units stays over, and an outage takes no more from a hold than elsewhere.
local function catch_up(told)
  if not lossy() or told <= L.now then return end
  L.early = L.early + told - L.now
  L.now, L.began = told, told
  close()
end

-- unsure says that it may be later than it is here: history was lost, or this file may be a backup, and who lived through
-- what is not in it has not had the time to say so. Meanwhile nothing is for good.
local function unsure() return recovering() and L.now < L.early and (L.lossy == 1 or L.backup == 1) end

-- unheard says that history lost may have had this lease, or more of it than is back: its owner must re-assert it first, and all
-- that it holds (E3). What is back of a lease is asked for before.
local function unheard(fence)
  if not recovering() or fence <= L.floor then return false end
  local lease = lease_read(int(fence))
  return not lease or instance_read(lease.inst).era ~= L.era
end
