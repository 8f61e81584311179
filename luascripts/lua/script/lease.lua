-- lease.lua: free -> leased (row 1). Grants an instance up to `want` serials until now + term, but at most LARGEST and a fair
-- part of what is free. In a recovery it grants nothing. An instance may hold several leases, and each grant has its own fence.
-- An instance that holds HELD leases gets no other until one of them has ended; its buyers can use Deduct.
-- ARGV  caller, instance, node, request, want, term_us, recall (1: others should give back), run (units in a row
--       that a buyer there waits for)
-- Reply {head, {fence, deadline, hold, a, b, a, b, ...}}; the second is empty when nothing was granted.
-- Work    a sweep; HELD leases looked at, RANGES free ranges cut, FEW instances forgotten.
-- Errors NOSALE BADSALE BIRTH FOREIGN. The same (instance, request) is granted once: a repeat gets the same lease.
-- needs: era free instance lease ledger lots ranges sale sweep
-- row: 1
-- flags: widens
local caller, instance, node = ARGV[1], ARGV[2], ARGV[3]
local request, want, term, recall = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
local run = tonumber(ARGV[8] or '1')

local refused, stop = Sale.open(caller)
if refused or stop then return refused or stop end
Sweep.run(SWEEP)

local me = Instance.read(instance)
me.node, me.asked = node, L.now
redis.call('ZADD', ASKED, int(L.now), instance)
Era.lasts(term)

local function reply(lease)
  local body = {}
  if lease then
    body = {tonumber(lease.fence), lease.deadline, lease.hold}
    for _, r in ipairs(lease.rem) do
      body[#body + 1] = r[1]
      body[#body + 1] = r[2]
    end
  end
  return {Sale.head(instance), body}
end

for _, fence in ipairs(me.fences) do
  local lease = Lease.read(fence)
  if lease.req == request then
    Instance.write(me)
    Ledger.commit()
    return reply(lease)
  end
end

-- forget looks at a few instances that have been silent for long, and drops those that hold nothing. The others are looked at
-- again later.
local function forget()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ASKED, '-inf', '(' .. int(L.now - FORGET), 'LIMIT', '0', FEW)) do
    if #Instance.read(id).fences == 0 then
      redis.call('HDEL', INSTANCES, id)
      redis.call('ZREM', ASKED, id)
    else
      redis.call('ZADD', ASKED, int(L.now - ACTIVE), id)
    end
  end
end

-- fair_part divides by the number of instances that asked lately.
local function fair_part()
  forget()
  local others = redis.call('ZCOUNT', ASKED, '(' .. int(L.now - ACTIVE), '+inf') - 1
  return math.ceil((L.free - Lots.withheld()) / (others + 2))
end

-- A sale with a limit per buyer grants no leases, because only the ledger knows all buyers.
local lease
if Sale.state() == 0 and L.limit == 0 and not Era.recovering() and #me.fences < HELD then
  local k = math.min(want, LARGEST, fair_part())
  local got = k > 0 and Free.take(k, RANGES, run) or {}
  if #got > 0 then
    local n = Ranges.count(got)
    lease = {fence = int(Sale.new_fence()), inst = instance, req = request,
      deadline = math.max(L.now + term, L.began + L.term),
      hold = L.hold > 0 and L.hold or COVER, limbo = false, rem = got}
    me.fences[#me.fences + 1] = lease.fence
    L.free, L.leased = L.free - n, L.leased + n
    Lease.write(lease)
  elseif recall and L.leased > 0 then
    L.wish, L.wisher = L.now + WISH, instance
  end
end
Instance.write(me)
Ledger.commit()
return reply(lease)
