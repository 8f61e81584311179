-- lease.lua: free -> leased (row 1). Grants an instance up to `want` serials, never more than a fair part of what is
-- free, until now + term; nothing while a new era recovers. An instance may hold several leases; each grant has a fence
-- of its own.
-- ARGV  caller, instance, node, request, want, term_us, hungry (1: wishes others to give back)
-- Reply {head, {fence, deadline, hold, a, b, a, b, ...}}; the second is empty when nothing was granted.
-- Errors NOSALE BADSALE BIRTH FOREIGN. The same (instance, request) is granted once: a repeat gets the same lease.
local caller, instance, node = ARGV[1], ARGV[2], ARGV[3]
local request, want, term, hungry = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'

local refused, stop = open(caller)
if refused or stop then return refused or stop end
sweep(SWEEP)

local me = instance_read(instance)
me.node, me.asked = node, L.now
lasts(term)

local function reply(lease)
  local body = {}
  if lease then
    body = {tonumber(lease.fence), lease.deadline, lease.hold}
    for _, r in ipairs(lease.rem) do
      body[#body + 1] = r[1]
      body[#body + 1] = r[2]
    end
  end
  return {head(instance), body}
end

for _, fence in ipairs(me.fences) do
  local lease = lease_read(fence)
  if lease.req == request then
    instance_write(me)
    commit()
    return reply(lease)
  end
end

-- fair_part looks at the instances that asked lately, and forgets those that have been silent for long.
local function fair_part()
  local active = 0
  local all = redis.call('HGETALL', INSTANCES)
  for k = 1, #all, 2 do
    local asked, fences = string.match(all[k + 1], '^%d+ (%d+) %d+ (%S*) ')
    asked = tonumber(asked)
    if all[k] ~= instance then
      if asked > L.now - ACTIVE then
        active = active + 1
      elseif fences == '' and asked < L.now - FORGET then
        redis.call('HDEL', INSTANCES, all[k])
      end
    end
  end
  return math.ceil((L.free - withheld()) / (active + 2))
end

-- A sale with a limit per buyer is sold from the free stock alone: only here are all buyers known.
local lease
if state() == 0 and L.limit == 0 and not recovering() then
  local k = math.min(want, fair_part())
  local got = k > 0 and free_take(k, RANGES) or {}
  if #got > 0 then
    local n = count(got)
    lease = {fence = int(new_fence()), inst = instance, req = request, deadline = L.now + term,
      hold = L.hold > 0 and L.hold or COVER, limbo = false, rem = got}
    me.fences[#me.fences + 1] = lease.fence
    L.free, L.leased = L.free - n, L.leased + n
    lease_write(lease)
  elseif hungry and L.leased > 0 then
    L.wish, L.wisher = L.now + WISH, instance
  end
end
instance_write(me)
commit()
return reply(lease)
