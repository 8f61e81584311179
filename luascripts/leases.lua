-- leases.lua follows promises.lua: what instances hold, and what a new era makes of it (E3).

-- Leases: field fence of LEASES is 'instance request deadline hold limbo ranges', what is left of it in ranges. Limbo is 0, 1,
-- or 2: doubtful, as its end may have come in lost history, and its units have been sold there. Only its owner knows.

local function lease_read(fence)
  local text = redis.call('HGET', LEASES, fence)
  if not text then return nil end
  local inst, req, deadline, hold, limbo, list = string.match(text, '^(%S+) (%d+) (%d+) (%d+) (%d) (%S*)$')
  local rem = {}
  for a, b in string.gmatch(list, '(%d+)-(%d+)') do rem[#rem + 1] = {tonumber(a), tonumber(b)} end
  return {fence = fence, inst = inst, req = tonumber(req), deadline = tonumber(deadline), hold = tonumber(hold),
    limbo = limbo ~= '0', doubtful = limbo == '2', rem = rem}
end

-- Instances: field id of INSTANCES is 'batch asked era fences node'; the era is the last it has re-asserted in; the node's
-- name comes last, it may hold anything.

local function instance_read(inst)
  local text = redis.call('HGET', INSTANCES, inst)
  local seq, asked, era, list, node = string.match(text or '', '^(%d+) (%d+) (%d+) (%S*) (.*)$')
  local fences = {}
  for f in string.gmatch(list or '', '%d+') do fences[#fences + 1] = f end
  return {id = inst, node = node or '-', seq = tonumber(seq or 0), asked = tonumber(asked or 0), era = tonumber(era or 0),
    fences = fences}
end

local function instance_write(i)
  redis.call('HSET', INSTANCES, i.id, int(i.seq) .. ' ' .. int(i.asked) .. ' ' .. int(i.era) .. ' ' ..
    table.concat(i.fences, ',') .. ' ' .. i.node)
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
  if #lease.rem == 0 then return lease_end(lease) end
  local list = {}
  for k, r in ipairs(lease.rem) do list[k] = int(r[1]) .. '-' .. int(r[2]) end
  redis.call('HSET', LEASES, lease.fence, lease.inst .. ' ' .. int(lease.req) .. ' ' .. int(lease.deadline) .. ' ' ..
    int(lease.hold) .. ' ' .. (lease.doubtful and '2' or lease.limbo and '1' or '0') .. ' ' .. table.concat(list, ','))
  local due = lease.deadline + MARGIN + (lease.limbo and lease.hold or 0)
  redis.call('ZADD', DEADLINES, int(due), lease.fence)
end

local function count(ranges)
  local n = 0
  for _, r in ipairs(ranges) do n = n + r[2] - r[1] end
  return n
end

-- holds_range says which range of rem holds all of [a, b), or nil.
local function holds_range(rem, a, b)
  for k, r in ipairs(rem) do
    if r[1] <= a and b <= r[2] then return k end
  end
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
  for k = #rem, 1, -1 do
    local from, to = math.max(a, rem[k][1]), math.min(b, rem[k][2])
    if from < to then
      cut(rem, k, from, to)
      table.insert(got, 1, {from, to})
    end
  end
  return got
end

local function counter(lease) return lease.limbo and 'limbo' or 'leased' end

-- lease_free gives all that is left of a lease back to the free stock (rows 9 and 11).
local function lease_free(lease)
  local n = count(lease.rem)
  for _, r in ipairs(lease.rem) do free_add(r[1], r[2]) end
  L[counter(lease)] = L[counter(lease)] - n
  L.free = L.free + n
  if n > 0 then L.gen = L.gen + 1 end
  lease.rem = {}
  lease_write(lease)
end

-- move_limbo takes a lease into limbo, or out of it.
local function move_limbo(lease, limbo)
  local n = count(lease.rem)
  L[counter(lease)] = L[counter(lease)] - n
  lease.limbo = limbo
  L[counter(lease)] = L[counter(lease)] + n
end

local function lease_limbo(lease)
  move_limbo(lease, true)
  lease_write(lease)
end

-- ended says that a lease with this deadline had ended, and its units were free, before the era began.
local function ended(deadline) return deadline + covered() + MARGIN <= L.began end

-- reopen ends a recovery before its time: nothing was lost, every owner of a lease from before has said what it has, and
-- whoever lives has had a while to prove that something was.
local function reopen()
  if not recovering() or L.lossy == 1 or L.now < L.early then return end
  for _, fence in ipairs(redis.call('HKEYS', LEASES)) do
    local lease = lease_read(fence)
    if not lease.limbo and tonumber(fence) <= L.floor and instance_read(lease.inst).era ~= L.era then return end
  end
  L.shut = 0
end

-- begin_era moves every deadline as if its lease were renewed now: a renewal may be lost. It is written whole: what comes
-- after may still refuse.
function begin_era()
  for _, fence in ipairs(redis.call('HKEYS', LEASES)) do
    local lease = lease_read(fence)
    if L.lossy == 1 and ended(lease.deadline) then
      move_limbo(lease, true)
      lease.doubtful = true
    end
    lease.deadline = math.max(lease.deadline, L.now + L.term)
    lease_write(lease)
  end
  commit()
end

-- lose begins a recovery in an era that seemed to have lost nothing: somebody has proved that it has.
local function lose()
  if recovering() and L.lossy == 1 then return end
  L.floor = recovering() and math.min(L.floor, L.fence) or L.fence
  L.now, unpassed = L.now + unpassed, 0
  L.began, L.lossy = L.now, 1
  close()
  begin_era()
end

-- lossy says that promises may be alive that are not written here.
local function lossy() return recovering() and L.lossy == 1 end

-- unheard says that history lost may have had this lease: its owner must re-assert it first (E3).
local function unheard(fence) return recovering() and fence > L.floor and not lease_read(int(fence)) end
