-- reassert.lua: an instance says, once in every era, all that it still answers for (E4). If the ledger knows a lease, what the
-- instance does not name of it goes free, unless that may have been sold in lost history: then it waits for the lease's end. If
-- the ledger does not know a lease, the lease was granted in lost history. It comes back with every serial that nobody has a
-- better right to. The higher fence has the better right, and what is confirmed stays confirmed. An instance that has acted on
-- answers that are not written here proves that history was lost.
-- The instance names its leases in pieces, in one call or in several. Each piece may be repeated. Only the last call marks the
-- instance as one that has re-asserted.
-- ARGV  caller, instance, node, era, term_us, the era and the rev of the newest answer that it has acted on (era 0 = none), the
--       latest ledger time that it was told (0 = none), last (1: this call names the last piece), the piece and the serial to go
--       on from (0 0: the first), then for each piece: fence, request, deadline, first serial, end (the piece says nothing of
--       other serials), how many ranges, a, b, a, b ..., in order
-- Reply {head, {piece and serial to go on from; empty: all is done}, {fence, deadline, hold, a, b, a, b, ...}, ...}: what the
--       ledger has of each piece now; deadline 0: nothing. A repeat changes nothing and gets the same reply. Only a head: it is
--       another era by now, and nothing was done.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- Work    WORK serials that others may have are looked at, fewer if there are many leases, because all of them are read; the
--         ranges that the caller names; the ranges of a known lease, at most LARGEST / 2, of which half of WORK go free, each in
--         up to seven commands; SPOKEN instances.
-- needs: era free instance lease ledger lots owner ranges recovery sale
-- row: -
-- flags: widens
local caller, instance, node, era, term = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local was, acted, told, last = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9] == '1'
local from_piece, from_serial = tonumber(ARGV[10]), tonumber(ARGV[11])
local WORK = 160
local EACH, FREED = 32, 2 -- reading EACH leases is as much work as one serial; freeing a range, as FREED serials
local all -- the hulls of the leases, as they are now
local work = WORK -- serials that may still be looked at

local refused = Sale.open(caller)
if refused then return refused end
Era.lasts(term)

local pieces = {}
local arg = 12
while arg <= #ARGV do
  local p = {fence = tonumber(ARGV[arg]), req = tonumber(ARGV[arg + 1]), deadline = tonumber(ARGV[arg + 2]),
    first = tonumber(ARGV[arg + 3]), stop = tonumber(ARGV[arg + 4]), ranges = {}}
  local n = tonumber(ARGV[arg + 5])
  for k = 1, n do p.ranges[k] = {tonumber(ARGV[arg + 2 * k + 4]), tonumber(ARGV[arg + 2 * k + 5])} end
  pieces[#pieces + 1] = p
  arg = arg + 6 + 2 * n
end

-- proves says that the instance has acted on answers that are not written here, or holds a lease that is not.
local function proves()
  for _, p in ipairs(pieces) do
    if Recovery.unheard(p.fence) then return true end
  end
  if was == 0 then return false end
  if was == L.era then return acted > L.rev end -- an old primary has come back with its old history
  for past, rev in string.gmatch(redis.call('HGET', LEDGER, 'past') or '', '(%d+):(%d+)') do
    if tonumber(past) == was then return acted > tonumber(rev) end
  end
  return true
end

-- put adds [a, b) to the end of a list of ranges.
local function put(list, a, b)
  if a >= b then return end
  local newest = list[#list]
  if newest and newest[2] == a then newest[2] = b else list[#list + 1] = {a, b} end
end

-- unnamed is what a lease has, from a serial on, that its owner does not name though the piece covers it. It returns as many
-- ranges as there is work left for, and the serial to go on from, if there are more.
local function unnamed(list, p, from)
  local gone, k, at = {}, 1, Ranges.place(list, from)
  while at <= #list do
    local a, b, on = string.match(list, '^(%d+)-(%d+),?()', at)
    a, b = math.max(tonumber(a), from), math.min(tonumber(b), p.stop)
    while a < b do
      while k <= #p.ranges and p.ranges[k][2] <= a do k = k + 1 end
      local named = p.ranges[k] and p.ranges[k][1] < b and p.ranges[k]
      local ends = named and math.max(named[1], a) or b
      if ends > a and #gone >= work / FREED then return gone, a end
      if ends > a then gone[#gone + 1] = {a, ends} end
      a = named and named[2] or b
    end
    at = on
  end
  return gone, nil
end

-- keep frees what the owner does not name, from a serial on. Returns the serial to go on from if there was too much to do, or
-- nil.
local function keep(lease, p, from)
  if Era.lossy() then return nil end
  local gone, stopped = unnamed(lease.list, p, math.max(p.first, from))
  local n = Ranges.count(gone)
  for _, r in ipairs(gone) do
    Lease.cut(lease, r[1], r[2])
    Free.add(r[1], r[2])
  end
  work = work - FREED * #gone
  Lease.add_count(lease, -n)
  L.free = L.free + n
  if n > 0 then L.gen = L.gen + 1 end
  Lease.write(lease)
  all = nil
  return stopped
end

-- disown ends the reservations in [a, b) that have lower fences; [a, b) must be short. They had ended before the serial was
-- leased again.
local function disown(fence, a, b)
  local list, gone = {}, {}
  for s = a, b - 1 do list[#list + 1] = int(s) end
  for k, value in ipairs(redis.call('HMGET', SOLD, unpack(list))) do
    if value and Owner.pending(value) and Owner.fence(value) < fence then
      gone[#gone + 1] = {a + k - 1, value}
    end
  end
  if #gone > 0 then Owner.release('expired', gone) end
end

-- hulls lists each lease's fence, its first serial and the end of its last. They are read again after a lease was written.
local function hulls()
  if all then return all end
  all = {}
  local texts = redis.call('HGETALL', LEASES)
  for k = 1, #texts, 2 do
    local first = string.match(texts[k + 1], '^%S+ %d+ %d+ %d+ %d (%d+)')
    all[#all + 1] = {fence = texts[k], first = tonumber(first), last = tonumber(string.match(texts[k + 1], '%d+$', -10))}
  end
  work = work - #all / EACH
  return all
end

-- take cuts every serial of [a, b) that nobody has by a better right, as far as there is work left. It first frees what
-- leases with lower fences have. It also returns the serial at which it stopped.
local function take(fence, a, b)
  if a >= b then return {}, b end
  local text = redis.call('ZREVRANGEBYSCORE', FREE, int(a), '-inf', 'LIMIT', '0', '1')[1]
  local _, ends = Ranges.read(text or '0-0')
  if ends >= b then return Free.cut(a, b), b end -- nobody has any of it
  if work <= 0 then return {}, a end
  local list = hulls()
  b = math.min(b, a + math.max(math.floor(work), 1))
  work = work - (b - a) - #list / EACH
  disown(fence, a, b)
  for _, hull in ipairs(list) do
    if hull.first < b and hull.last > a and tonumber(hull.fence) < fence then
      hull.lease = hull.lease or Lease.read(hull.fence)
      local got = Lease.cut(hull.lease, a, b)
      for _, r in ipairs(got) do Free.add(r[1], r[2]) end
      if #got > 0 then
        Lease.add_count(hull.lease, -Ranges.count(got))
        L.free = L.free + Ranges.count(got)
        Lease.write(hull.lease)
      end
    end
  end
  return Free.cut(a, b), b
end

-- found is a lease of lost history: what is back of it already, or an empty one.
local function found(p)
  local lease = Lease.read(int(p.fence))
  if lease then
    Lease.move_limbo(lease, false)
    return lease
  end
  local me = Instance.read(instance)
  me.fences[#me.fences + 1] = int(p.fence)
  Instance.write(me)
  return {fence = int(p.fence), inst = instance, req = p.req, deadline = L.began + L.term, hold = Era.covered(), limbo = false,
    rem = {}}
end

-- back puts ranges into a lease.
local function back(lease, got)
  local list, rem = {}, {}
  for _, r in ipairs(lease.rem) do list[#list + 1] = r end
  for _, r in ipairs(got) do list[#list + 1] = r end
  table.sort(list, function(x, y) return x[1] < y[1] end)
  for _, r in ipairs(list) do put(rem, r[1], r[2]) end
  lease.rem = rem
  L.leased = L.leased + Ranges.count(got)
end

-- restore brings back a piece of a lease of lost history, from a serial on. Returns the serial to go on from if there was too
-- much to do, or nil.
local function restore(p, from)
  local lease, got, stopped = found(p), {}, nil
  for _, r in ipairs(p.ranges) do
    local a, b = math.max(r[1], from), math.min(r[2], L.total + 1)
    if not stopped and a < b then
      local some, ends = take(p.fence, a, b)
      for _, one in ipairs(some) do got[#got + 1] = one end
      if ends < b then stopped = ends end
    end
  end
  back(lease, got)
  local soon = L.now + term
  lease.deadline = math.max(lease.deadline, math.min(math.max(p.deadline, soon), soon + Era.covered()))
  L.fence = math.max(L.fence, p.fence)
  if Lots.withheld() > L.free then Run.lots.kept = L.free end -- a sold unit goes before a unit kept for a winner
  Lease.write(lease)
  all = nil
  return stopped
end

-- assert_one handles one piece, from a serial on. Returns the serial to go on from if it stopped, or nil.
local function assert_one(p, from)
  local lease = Lease.read(int(p.fence))
  if lease and lease.inst ~= instance then return nil end
  if Era.recovering() and p.fence > L.floor then return restore(p, from) end
  return lease and keep(lease, p, from)
end

local go_on = {}

-- assert_all handles all pieces, as far as there is work left.
local function assert_all()
  for k, p in ipairs(pieces) do
    if k >= from_piece then
      local stopped = assert_one(p, k == from_piece and from_serial or 0)
      if stopped then
        go_on = {k, stopped}
        return
      end
    end
  end
end

if era ~= L.era then
  Ledger.commit()
  return {Sale.head(instance)}
end
if proves() then Era.lose() end
Era.catch_up(told)
if Instance.read(instance).era ~= era then
  assert_all()
  if last and #go_on == 0 then
    local me = Instance.read(instance)
    me.node, me.era = node, era
    Instance.write(me)
    Recovery.reopen()
  end
end
Ledger.commit()

local reply = {Sale.head(instance), go_on}
for k, p in ipairs(#go_on == 0 and pieces or {}) do
  local lease = Lease.read(int(p.fence))
  local body = {p.fence, 0, 0}
  if lease and lease.inst == instance then
    body = {p.fence, lease.deadline, lease.hold}
    for _, r in ipairs(lease.rem) do
      local a, b = math.max(r[1], p.first), math.min(r[2], p.stop)
      if a < b then
        body[#body + 1] = a
        body[#body + 1] = b
      end
    end
  end
  reply[k + 2] = body
end
return reply
