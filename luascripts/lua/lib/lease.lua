-- lease.lua: the leases of instances. Field fence of LEASES is 'instance request deadline hold limbo ranges'; the ranges are
-- what is left of it. In a new era every lease counts as renewed when the era began, because a renewal may be lost. Readers
-- of a lease apply that; the record stays as it is. So its place in DEADLINES may be too early, and the sweep checks.
-- needs: free instance ranges

-- The rest of a lease is its list (the text). Beside it are the parts of the text that were read: all of it (rem), or some
-- stretches (see stretch_at). list_of makes a text of it again. Text that was not read is copied as it is.
local function list_of(lease)
  local rem, stretches, list = rawget(lease, 'rem'), rawget(lease, 'stretches'), {}
  if rem then
    Ranges.add_texts(list, rem)
    return table.concat(list, ',')
  end
  if not stretches then return lease.list end
  local places, at = {}, 1
  for place in pairs(stretches) do places[#places + 1] = place end
  table.sort(places)
  for _, place in ipairs(places) do
    local s = stretches[place]
    if place > at then list[#list + 1] = string.sub(lease.list, at, place - 2) end
    Ranges.add_texts(list, s.rem)
    at = s.on
  end
  if at <= #lease.list then list[#list + 1] = string.sub(lease.list, at) end
  return table.concat(list, ',')
end

local LAZY = {__index = function(lease, field)
  if field ~= 'rem' then return nil end
  local rem = {}
  for a, b in string.gmatch(list_of(lease), '(%d+)-(%d+)') do rem[#rem + 1] = {tonumber(a), tonumber(b)} end
  lease.rem, lease.stretches = rem, false
  return rem
end}

local function read(fence)
  local text = redis.call('HGET', LEASES, fence)
  if not text then return nil end
  local inst, req, deadline, hold, limbo, at = string.match(text, '^(%S+) (%d+) (%d+) (%d+) (%d) ()')
  return setmetatable({fence = fence, inst = inst, req = tonumber(req), deadline = math.max(tonumber(deadline), L.began + L.term),
    hold = tonumber(hold), limbo = limbo ~= '0', list = string.sub(text, at), near = false, stretches = false, marks = false,
    searches = 0}, LAZY)
end

-- due is when a lease goes into limbo, or out of it.
local function due(lease) return lease.deadline + MARGIN + (lease.limbo and lease.hold or 0) end

local function end_lease(lease)
  redis.call('HDEL', LEASES, lease.fence)
  redis.call('ZREM', DEADLINES, lease.fence)
  local i = Instance.read(lease.inst)
  for k, f in ipairs(i.fences) do
    if f == lease.fence then
      table.remove(i.fences, k)
      break
    end
  end
  Instance.write(i)
end

-- write stores a lease. A lease that has no unit left ends.
local function write(lease)
  local list = list_of(lease)
  if list == '' then return end_lease(lease) end
  redis.call('HSET', LEASES, lease.fence, lease.inst .. ' ' .. int(lease.req) .. ' ' .. int(lease.deadline) .. ' ' ..
    int(lease.hold) .. ' ' .. (lease.limbo and '1' or '0') .. ' ' .. list)
  redis.call('ZADD', DEADLINES, int(due(lease)), lease.fence)
end

-- units counts the units that are left in a lease, and the ranges that they are in.
local function units(lease)
  local n, ranges = 0, 0
  for a, b in string.gmatch(list_of(lease), '(%d+)-(%d+)') do n, ranges = n + b - a, ranges + 1 end
  return n, ranges
end

-- stretch_at is the range whose text begins at `at`: its serials, where the next range's text begins, and what is left of it
-- (rem).
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

local OFTEN = 16 -- searches of one list, before it is worth marks

-- search is the stretch that begins at a or before it, wherever in the list it is.
local function search(lease, a)
  lease.searches = lease.searches + 1
  if lease.searches == OFTEN then lease.marks = Ranges.marks(lease.list) end
  return stretch_at(lease, Ranges.place(lease.list, a, lease.marks))
end

local STEPS = 4 -- a batch names serials mostly in order, so up to STEPS stretches are read one after the other

-- stretch_of is the last stretch that begins at a or before it. near is the stretch that was found last. A list that has marks is
-- not asked for in order.
local function stretch_of(lease, a, near)
  local at = not lease.marks and near and a >= near.to and near.on
  for _ = 1, at and STEPS or 0 do
    local from, to, on = string.match(lease.list, '^(%d+)-(%d+),?()', at)
    if not from or tonumber(from) > a then break end
    if a < tonumber(to) then return stretch_at(lease, at) end
    at = on
  end
  return search(lease, a)
end

-- has is the stretch that has all of [a, b), and the index of its range that does; nil: none has. Serials that are asked for
-- in order are found at once. The list must not be empty, and rem must not have been read.
local function has(lease, a, b)
  local s = lease.near
  if not s or a < s.from or a >= s.to then
    s = stretch_of(lease, a, s)
    lease.near = s
  end
  local k = Ranges.holds(s.rem, a, b)
  if k then return s, k end
end

-- cut takes the serials of [a, b) that a lease has out of it, and returns them.
local function cut(lease, a, b)
  local got, at = {}, lease.list == '' and 1 or stretch_of(lease, a, lease.near).at
  while at <= #lease.list do
    local s = stretch_at(lease, at)
    if s.from >= b then break end
    lease.near = s
    for _, r in ipairs(Ranges.cut_all(s.rem, a, b)) do got[#got + 1] = r end
    at = s.on
  end
  return got
end

-- add_count adds n units to the counter of a lease.
local function add_count(lease, n)
  local counter = lease.limbo and 'limbo' or 'leased'
  L[counter] = L[counter] + n
end

-- move_limbo moves a lease into limbo, or out of it.
local function move_limbo(lease, limbo)
  if lease.limbo == limbo then return end
  local n = units(lease)
  add_count(lease, -n)
  lease.limbo = limbo
  add_count(lease, n)
end

-- free frees what is left of a lease (rows 9 and 11). If that is too much for one script, the rest waits in limbo, and is due
-- at once.
local function free(lease)
  local list, at, n = list_of(lease), 1, 0
  while Run.freeing > 0 and at <= #list do
    local a, b, on = string.match(list, '^(%d+)-(%d+),?()', at)
    Free.add(tonumber(a), tonumber(b))
    n, at, Run.freeing = n + b - a, on, Run.freeing - 1
  end
  add_count(lease, -n)
  L.free = L.free + n
  if n > 0 then L.gen = L.gen + 1 end
  lease.list, lease.rem, lease.stretches, lease.near, lease.marks = string.sub(list, at), nil, false, false, false
  if lease.list ~= '' then
    Run.due = 1
    move_limbo(lease, true)
    lease.deadline = math.min(lease.deadline, L.now - MARGIN - lease.hold)
  end
  write(lease)
end

return {read = read, due = due, write = write, units = units, has = has, cut = cut, add_count = add_count,
  move_limbo = move_limbo, free = free}
