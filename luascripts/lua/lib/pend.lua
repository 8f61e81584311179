-- pend.lua: claims that become pending in this run. What they write is gathered, and written together: one command for each
-- key, and one event of the stream for all of them. Nothing else may write an event between the first add and write().
-- needs: hash owner sale

local SPREAD = 100000 -- the ends of one group of HOLDS are at most so many us apart
local pack, sub = struct.pack, string.sub

-- gathered is the claims so far: blocks: in their wire form; n: their units; sold: fields and values of SOLD; groups: of HOLDS;
-- group: the newest of them; changed: buyers who have more than BUYERS says; mark: see owner.lua.
local function gathered()
  if not Run.pend then
    Run.pend = {blocks = {}, n = 0, sold = {}, groups = {}, group = nil, changed = {}, mark = Owner.mark('p', L.events + 1)}
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

-- hold puts serials into a group whose holds end at about the same time.
local function hold(p, serials, n, expiry)
  local group = p.group
  if not group or group.n + n > GROUP or math.abs(expiry - group.first) > SPREAD then
    group = {n = 0, first = expiry, last = expiry}
    p.group, p.groups[#p.groups + 1] = group, group
  end
  group.n, group.last = group.n + n, math.max(group.last, expiry)
  group[#group + 1] = serials
end

-- add makes a claim pending: its wire form, and what that says. Its units must have left their lease, or the free stock.
local function add(block, first, n, expiry, buyer)
  local p = gathered()
  local value = Owner.write(sub(block, 9, 24), L.hold > 0 and sub(block, 25, 32) or Owner.NEVER, p.mark, buyer)
  local sold, k, serials = p.sold, #p.sold, sub(block, 1, 4)
  sold[k + 1], sold[k + 2] = format('%d', first), value
  for s = first + 1, first + n - 1 do
    k = k + 2
    sold[k + 1], sold[k + 2] = format('%d', s), value
    serials = serials .. pack('>I4', s)
  end
  if L.hold > 0 then hold(p, serials, n, expiry) end
  if L.limit > 0 then Run.has[buyer], p.changed[buyer] = has(buyer) .. serials, true end
  p.blocks[#p.blocks + 1], p.n = block, p.n + n
end

-- write writes what was gathered.
local function write()
  local p = Run.pend
  Run.pend = nil
  if not p then return end
  each_part('HSET', SOLD, p.sold)
  for _, group in ipairs(p.groups) do Owner.add_hold(table.concat(group), group.last) end
  local buyers = {}
  for buyer in pairs(p.changed) do buyers[#buyers + 1], buyers[#buyers + 2] = buyer, Run.has[buyer] end
  if #buyers > 0 then each_part('HSET', BUYERS, buyers) end
  L.pending = L.pending + p.n
  Hash.add_sold(p.n)
  Sale.event('reserved', table.concat(p.blocks))
end

return {look = look, has = has, add = add, write = write}
