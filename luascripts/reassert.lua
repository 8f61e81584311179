-- reassert.lua: an instance says, once in every era, what it still answers for (E4). Of a lease the ledger knows, the rest
-- goes free, unless it may have been sold in lost history: then it waits for the lease's end. A lease the ledger does not know
-- was granted in lost history: it comes back with every serial that nobody has a better right to. The higher fence has;
-- what is confirmed stays so. Who has acted on answers that are not written here proves that history was lost.
-- ARGV  caller, instance, node, era, term_us, the era it has acted in (0 = none) and the rev it has acted on, then for each lease: fence, request, deadline, how many ranges, a, b, a, b ...
-- Reply {head, {fence, deadline, hold, a, b, a, b, ...}, ...}: what the ledger has of each now; deadline 0: nothing. A
--       repeat writes nothing and hears the same. No leases: it is another era by now, and nothing was done.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local caller, instance, node, era, term = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local was, acted = tonumber(ARGV[6]), tonumber(ARGV[7])
local SLICE = 1000
local all -- leases, as they are now

local refused = open(caller)
if refused then return refused end
lasts(term)

local asserted = {}
local at = 8
while at <= #ARGV do
  local a = {fence = tonumber(ARGV[at]), req = tonumber(ARGV[at + 1]), deadline = tonumber(ARGV[at + 2]), ranges = {}}
  local n = tonumber(ARGV[at + 3])
  for k = 1, n do a.ranges[k] = {tonumber(ARGV[at + 2 * k + 2]), tonumber(ARGV[at + 2 * k + 3])} end
  asserted[#asserted + 1] = a
  at = at + 4 + 2 * n
end

-- proves says that the instance has acted on answers that are not written here, or holds a lease that is not.
local function proves()
  for _, a in ipairs(asserted) do
    if unheard(a.fence) and not ended(a.deadline) then return true end
  end
  if was == 0 then return false end
  if was == L.era then return acted > L.rev end -- a primary of old has come back under its name
  for past, rev in string.gmatch(L.past, '(%d+):(%d+)') do
    if tonumber(past) == was then return acted > tonumber(rev) end
  end
  return true
end

-- keep lets go of what the owner does not name.
local function keep(lease, ranges, deadline)
  if lease.doubtful and not ended(deadline) then -- it was renewed in lost history
    move_limbo(lease, false)
    lease.doubtful, lease.deadline = false, math.max(lease.deadline, deadline)
    lease_write(lease)
    all = nil
  end
  if lossy() then return end
  local kept = {}
  for _, r in ipairs(ranges) do
    for _, got in ipairs(cut_all(lease.rem, r[1], r[2])) do kept[#kept + 1] = got end
  end
  local n = count(lease.rem)
  for _, r in ipairs(lease.rem) do free_add(r[1], r[2]) end
  L[counter(lease)], L.free = L[counter(lease)] - n, L.free + n
  if n > 0 then L.gen = L.gen + 1 end
  lease.rem = kept
  lease_write(lease)
  all = nil
end

-- disown takes pending owners under lower fences out of [a, b): they had ended before the serial was leased again.
local function disown(fence, a, b)
  local gone = {}
  for from = a, b - 1, SLICE do
    local list = {}
    for s = from, math.min(from + SLICE, b) - 1 do list[#list + 1] = int(s) end
    for k, value in ipairs(redis.call('HMGET', SOLD, unpack(list))) do
      if value and string.sub(value, 25, 25) == 'p' and struct.unpack('>I8', value) < fence then
        gone[#gone + 1] = {from + k - 1, value}
      end
    end
  end
  if #gone > 0 then unown('expired', gone) end
end

-- free_cut takes what is free of [a, b) out of the free ranges, and returns it.
local function free_cut(a, b)
  local list = redis.call('ZREVRANGEBYSCORE', FREE, int(a), '-inf', 'LIMIT', 0, 1)
  for _, text in ipairs(redis.call('ZRANGEBYSCORE', FREE, '(' .. int(a), '(' .. int(b))) do list[#list + 1] = text end
  local got = {}
  for _, text in ipairs(list) do
    local x, y = range(text)
    local from, to = math.max(a, x), math.min(b, y)
    if from < to then
      redis.call('ZREM', FREE, text)
      if x < from then redis.call('ZADD', FREE, int(x), int(x) .. '-' .. int(from)) end
      if to < y then redis.call('ZADD', FREE, int(to), int(to) .. '-' .. int(y)) end
      L.free = L.free - (to - from)
      got[#got + 1] = {from, to}
    end
  end
  return got
end

local function leases()
  if not all then
    all = {}
    for k, fence in ipairs(redis.call('HKEYS', LEASES)) do all[k] = lease_read(fence) end
  end
  return all
end

-- take is every serial of [a, b) without a better right: what lower fences lease goes free first.
local function take(fence, a, b)
  local text = redis.call('ZREVRANGEBYSCORE', FREE, int(a), '-inf', 'LIMIT', 0, 1)[1]
  local _, ends = range(text or '0-0')
  if ends >= b then return free_cut(a, b) end -- nobody has any of it
  disown(fence, a, b)
  for _, lease in ipairs(leases()) do
    local got = tonumber(lease.fence) < fence and cut_all(lease.rem, a, b) or {}
    for _, r in ipairs(got) do free_add(r[1], r[2]) end
    if #got > 0 then
      L[counter(lease)], L.free = L[counter(lease)] - count(got), L.free + count(got)
      lease_write(lease)
    end
  end
  return free_cut(a, b)
end

-- restore brings back a lease of lost history.
local function restore(a)
  local lease = {fence = int(a.fence), inst = instance, req = a.req, deadline = math.max(a.deadline, L.now + term),
    hold = L.hold > 0 and L.hold or COVER, limbo = false, rem = {}}
  for _, r in ipairs(a.ranges) do
    for _, got in ipairs(take(a.fence, r[1], math.min(r[2], L.total + 1))) do
      local last = lease.rem[#lease.rem]
      if last and last[2] == got[1] then last[2] = got[2] else lease.rem[#lease.rem + 1] = got end
    end
  end
  L.fence = math.max(L.fence, a.fence)
  if withheld() > L.free then lots.kept = L.free end -- who has sold a unit has the better right
  if #lease.rem == 0 then return end
  L.leased = L.leased + count(lease.rem)
  lease_write(lease)
  if all then all[#all + 1] = lease end
  local me = instance_read(instance)
  me.fences[#me.fences + 1] = lease.fence
  instance_write(me)
end

local function assert_one(a)
  local lease = lease_read(int(a.fence))
  if not lease then
    if unheard(a.fence) and not ended(a.deadline) then restore(a) end
  elseif lease.inst == instance then
    keep(lease, a.ranges, a.deadline)
  end
end

if era == L.era then
  if proves() then lose() end
  if instance_read(instance).era ~= era then
    for _, a in ipairs(asserted) do assert_one(a) end
    local me = instance_read(instance)
    me.node, me.era = node, era
    instance_write(me)
    reopen()
  end
else
  asserted = {}
end
commit()

local reply = {head(instance)}
for k, a in ipairs(asserted) do
  local lease = lease_read(int(a.fence))
  local body = {a.fence, 0, 0}
  if lease and lease.inst == instance and not lease.doubtful then
    body = {a.fence, lease.deadline, lease.hold}
    for _, r in ipairs(lease.rem) do
      body[#body + 1] = r[1]
      body[#body + 1] = r[2]
    end
  end
  reply[k + 1] = body
end
return reply
