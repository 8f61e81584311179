-- pend.lua: claims that become pending in this run (rows 4 to 6). What they write is gathered, and written together: one command for
-- each key, and one event of the stream for all of them. Nothing else may write an event between the first add and write(). The
-- loops run once for every unit ever sold, so they are simple.
-- needs: hash owner sale

local SIZE = 40 -- of a claim
local SPREAD = 100000 -- the ends of one group of HOLDS are at most so many us apart
local sub = string.sub

-- gathered is the claims so far: from, at: where the bytes of each are; count: their number; units: theirs; sold: fields and values
-- of SOLD; holds: groups of HOLDS, and group: the newest of them, each with its serials, the end of its first one, and the last
-- end; changed: buyers who have more than BUYERS says; mark: see owner.lua.
local function gathered()
  if not Run.pend then
    Run.pend = {from = {}, at = {}, count = 0, units = 0, sold = {}, holds = {}, group = nil, changed = {},
      mark = Owner.mark('p', L.events + 1)}
  end
  return Run.pend
end

-- look reads what these buyers have, in one command.
local function look(buyers)
  for k, serials in ipairs(redis.call('HMGET', BUYERS, unpack(buyers))) do Run.has[buyers[k]] = serials or '' end
end

-- has is a buyer's serials (u32 each), with those of the claims that are not written yet.
local function has(buyer)
  if not Run.has[buyer] then Run.has[buyer] = redis.call('HGET', BUYERS, buyer) or '' end
  return Run.has[buyer]
end

-- owner is the value of a serial (its field of SOLD) in the claims so far, if they have it.
local function owner(field)
  local sold = Run.pend and Run.pend.sold or {}
  for k = 1, #sold, 2 do
    if sold[k] == field then return sold[k + 1] end
  end
end

-- hold puts serials into a group whose holds end at about the same time.
local function hold(p, first, n, expiry)
  local group = p.group
  if not group or group.n + n > GROUP or expiry > group.first + SPREAD or expiry < group.first - SPREAD then
    group = {n = 0, first = expiry, last = expiry}
    p.group, p.holds[#p.holds + 1] = group, group
  end
  if expiry > group.last then group.last = expiry end
  for s = first, first + n - 1 do
    group.n = group.n + 1
    group[group.n] = s
  end
end

-- bought notes that a buyer has these serials, where that counts for a limit.
local function bought(p, claims, at, first, n)
  local buyer, serials = sub(claims, at + 32, at + 39), sub(claims, at, at + 3)
  for s = first + 1, first + n - 1 do serials = serials .. struct.pack('>I4', s) end
  Run.has[buyer], p.changed[buyer] = has(buyer) .. serials, true
end

-- add makes the claim that begins at `at` of claims pending. The other arguments are in its bytes, too. Its units must have left
-- their lease, or the free stock.
local function add(claims, at, first, n, expiry)
  local p = gathered()
  local value = Owner.of_claim(claims, at, p.mark)
  local sold, units = p.sold, p.units
  for s = first, first + n - 1 do
    sold[2 * units + 1], sold[2 * units + 2] = format('%d', s), value
    units = units + 1
  end
  local count = p.count + 1
  p.units, p.count, p.from[count], p.at[count] = units, count, claims, at
  if L.hold > 0 then hold(p, first, n, expiry) end
  if L.limit > 0 then bought(p, claims, at, first, n) end
end

-- block is the claims in their wire form, in their order.
local function block(p)
  if #p.from[1] == SIZE * p.count and p.from[p.count] == p.from[1] then return p.from[1] end
  local parts = {}
  for k = 1, p.count do parts[k] = sub(p.from[k], p.at[k], p.at[k] + SIZE - 1) end
  return table.concat(parts)
end

-- write writes what was gathered.
local function write()
  local p = Run.pend
  Run.pend = nil
  if not p then return end
  each_part('HSET', SOLD, p.sold)
  for _, group in ipairs(p.holds) do
    Owner.add_hold(struct.pack('>' .. string.rep('I4', group.n), unpack(group, 1, group.n)), group.last)
  end
  local buyers = {}
  local k = 0
  for buyer in pairs(p.changed) do
    buyers[k + 1], buyers[k + 2] = buyer, Run.has[buyer]
    k = k + 2
  end
  if k > 0 then each_part('HSET', BUYERS, buyers) end
  L.pending = L.pending + p.units
  Hash.add_sold(p.units)
  Sale.event('reserved', block(p))
end

return {look = look, has = has, owner = owner, add = add, write = write}
