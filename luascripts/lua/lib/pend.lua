-- pend.lua: claims that become pending in this run (rows 4 to 6). Their fields are gathered, and written together: one command
-- for each key, and one event of the stream for all of them. Nothing else may write an event between the first add and write().
-- The loops run once for every unit ever sold, so they are simple.
-- needs: hash owner sale

local SIZE = 40 -- of a claim
local SPREAD = 100000 -- the ends of one group of HOLDS are at most so many us apart
local sub = string.sub
local owner_bytes = Owner.write

-- gathered is the claims so far: count: their number; from: the bytes that each is in, and at: from where, if that is not their
-- beginning; units: how many; sold: fields and values of SOLD; hundred, digits, last: see turn; holds: groups of HOLDS, and group: the
-- newest of them, each with its serials, the end of its first one, and the last end; buyers: fields and values of BUYERS; mark: see
-- owner.lua.
local function gathered()
  if not Run.pend then
    Run.pend = {count = 0, from = {}, at = {}, units = 0, sold = {}, hundred = -1, digits = '', last = nil, holds = {}, group = nil,
      buyers = {}, mark = Owner.mark('p', L.events + 1)}
  end
  return Run.pend
end

-- newest is the newest claim, if it was put alone.
local function newest() return Run.pend and Run.pend.from[Run.pend.count] end

-- look reads what these buyers have, in one command.
local function look(buyers, count)
  local has, got = Run.has, redis.call('HMGET', BUYERS, unpack(buyers, 1, count))
  for k = 1, count do has[buyers[k]] = got[k] or '' end
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

-- near says whether a hold that ends at expiry belongs into a group.
local function near(group, expiry)
  if expiry > group.first + SPREAD or expiry < group.first - SPREAD then return false end
  if expiry > group.last then group.last = expiry end
  return true
end

-- group_of is the group of n serials whose hold ends at expiry; nil: the sale has no hold. Holds of one group end at about the same
-- time.
local function group_of(p, n, expiry)
  local group = p.group
  if L.hold > 0 and not (group and group.n + n <= GROUP and near(group, expiry)) then
    group = {n = 0, first = expiry, last = expiry}
    p.group, p.holds[#p.holds + 1] = group, group
  end
  return group
end

local ONE, TWO = {}, {} -- 0 to 99; in two digits
for k = 0, 99 do ONE[k], TWO[k] = format('%d', k), format('%02d', k) end

-- turn begins another hundred of serials. Most serials follow each other, so the digits before the last two are remembered.
local function turn(p, hundred)
  p.hundred, p.digits, p.last = hundred, hundred > 0 and int(hundred / 100) or '', hundred > 0 and TWO or ONE
end

-- put makes a claim pending, of which `from` has the bytes. says is its fence, nonce and end, as an owner's bytes have them. The other
-- arguments are in the claim, too. Its units must have left their lease, or the free stock.
local function put(p, from, first, n, says, expiry, buyer)
  local value, sold, units, group = owner_bytes(says, p.mark, buyer), p.sold, p.units, p.group
  if not group or expiry ~= group.last or group.n + n > GROUP then group = group_of(p, n, expiry) end
  local at, held = 2 * units, group and group.n
  for s = first, first + n - 1 do
    local last = s % 100
    if s - last ~= p.hundred then turn(p, s - last) end
    sold[at + 1], sold[at + 2], at = p.digits .. p.last[last], value, at + 2
    if group then
      held = held + 1
      group[held] = s
    end
  end
  if group then group.n = held end
  local count = p.count + 1
  p.units, p.count, p.from[count] = units + n, count, from
end

-- bought notes that a buyer who held some serials has n more, where that counts for a limit: `bytes` of the first one, and those behind
-- it. It is what the buyer has now.
local function bought(p, buyer, held, bytes, first, n)
  local buyers = p.buyers
  local k = #buyers
  for s = first + 1, first + n - 1 do bytes = bytes .. struct.pack('>I4', s) end
  if held ~= '' then bytes = held .. bytes end
  buyers[k + 1], buyers[k + 2] = buyer, bytes
  return bytes
end

-- add makes the claim that begins at `at` of claims pending.
local function add(claims, at, first, n, expiry)
  local p, buyer = gathered(), sub(claims, at + 32, at + 39)
  put(p, claims, first, n, Owner.said(claims, at), expiry, buyer)
  p.at[p.count] = at
  if L.limit > 0 then Run.has[buyer] = bought(p, buyer, has(buyer), sub(claims, at, at + 3), first, n) end
end

-- block is the claims in their wire form, in their order.
local function block(p)
  local parts, ats = p.from, p.at
  if #parts[1] == SIZE * p.count and parts[p.count] == parts[1] then return parts[1] end
  for k, at in pairs(ats) do parts[k] = sub(parts[k], at, at + SIZE - 1) end
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
  each_part('HSET', BUYERS, p.buyers)
  L.pending = L.pending + p.units
  Hash.add_sold(p.units)
  Sale.event('reserved', block(p))
end

return {gathered = gathered, newest = newest, look = look, has = has, owner = owner, put = put, bought = bought, add = add,
  write = write}
