-- sweep.lua: to end what is over (rows 8, 10, 11).
-- needs: answer lease owner

local function sweep_leases(most)
  if L.leased + L.limbo == 0 then return 0 end -- a lease without a unit has ended
  local list = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', int(L.now), 'LIMIT', '0', most)
  for _, fence in ipairs(list) do
    if Run.freeing == 0 then return most end
    local lease = Lease.read(fence)
    if Lease.due(lease) > L.now then -- a new era has moved it
      Lease.write(lease)
    elseif lease.limbo then
      Lease.free(lease)
    else
      Lease.move_limbo(lease, true)
      Lease.write(lease)
    end
  end
  return #list
end

-- expired looks at one group of HOLDS, and adds to gone the serials whose holds are over. Each is added once, because a
-- serial that was sold again may be in several groups. A serial whose end has moved on goes back into HOLDS.
local function expired(group, gone)
  redis.call('ZREM', HOLDS, group)
  local names = {}
  for at = 1, #group, 4 do names[#names + 1] = int(struct.unpack('>I4', group, at)) end
  for k, value in ipairs(redis.call('HMGET', SOLD, unpack(names))) do
    if value and Owner.pending(value) then
      local ends, serial = Owner.ends(value), tonumber(names[k])
      if ends <= L.now then
        if not gone[-serial] then gone[#gone + 1] = {serial, value} end
        gone[-serial] = true
      else
        Owner.add_hold(string.sub(group, 4 * k - 3, 4 * k), ends)
      end
    end
  end
  return #names
end

-- add_whole adds to gone the rest of each reservation in it. A reservation is over as a whole and is one claim of the event,
-- though its units are in several groups if some were looked at before.
local function add_whole(gone)
  local asked, from = {}, {}
  for _, g in ipairs(gone) do
    for step = -1, 1, 2 do
      if not gone[-(g[1] + step)] then
        asked[#asked + 1] = int(g[1] + step)
        from[#asked] = {g, step}
      end
    end
  end
  for k, value in ipairs(redis.call('HMGET', SOLD, unpack(asked))) do
    local g, step = from[k][1], from[k][2]
    local serial = g[1] + step
    while value == g[2] and not gone[-serial] do
      gone[#gone + 1], gone[-serial] = {serial, value}, true
      serial = serial + step
      value = redis.call('HGET', SOLD, int(serial))
    end
  end
end

-- sweep_holds looks at `most` units whose hold should be over, and at the rest of the last one's group (row 8).
local function sweep_holds(most)
  local gone, seen = {}, 0
  while true do
    local group = redis.call('ZRANGEBYSCORE', HOLDS, '-inf', int(L.now), 'LIMIT', '0', '1')[1]
    if not group then break end
    if seen >= most then
      Run.due = 1
      break
    end
    seen = seen + expired(group, gone)
  end
  if #gone == 0 then return 0 end
  add_whole(gone)
  table.sort(gone, function(a, b) return a[1] < b[1] end)
  Owner.release('expired', gone)
  return #gone
end

-- run ends what is over (rows 8, 10, 11), about `most` items. Every lease, renew, deduct and expire begins with it. Returns
-- how many units' holds were over. Its work: 16 answers; n leases that are due, at most `most`, with FREES of their ranges
-- set free; most - n units, with GROUP and twice UNITS more, each a field and up to seven commands of Free.add.
local function run(most)
  Answer.sweep(WINLOG, 8)
  Answer.sweep(NOLOG, 8)
  local n = sweep_leases(most)
  if n == most then
    Run.due = 1
    return 0
  end
  return sweep_holds(most - n)
end

return {run = run}
