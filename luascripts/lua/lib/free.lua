-- free.lua: the free stock. Free ranges are in two indexes. FREE has them by their first serials, and is the truth. LENGTHS
-- has them by their lengths, and only says where to look. A member of LENGTHS is a first serial (u32), its score is the
-- length; among equal ones the lowest serial comes first. `indexed` is the rev at which a script last kept LENGTHS. If it is
-- not the ledger's rev, a script that does not know LENGTHS has written since. Then LENGTHS is rebuilt from the serial `walk`
-- on, INDEX ranges a script; walk 0: it is whole.
-- needs: ranges

local ANEW = -1 -- walk: LENGTHS must be rebuilt

local function member(a) return struct.pack('>I4', a) end

local function put(a, b)
  redis.call('ZADD', FREE, int(a), int(a) .. '-' .. int(b))
  redis.call('ZADD', LENGTHS, b - a, member(a))
end

-- drop removes a range. false: FREE has no such range, so LENGTHS is wrong and must be rebuilt.
local function drop(a, b)
  redis.call('ZREM', LENGTHS, member(a))
  if redis.call('ZREM', FREE, int(a) .. '-' .. int(b)) == 1 then return true end
  L.walk = ANEW
  return false
end

-- add costs the same however many ranges there are: up to seven commands.
local function add(a, b)
  local before = redis.call('ZREVRANGEBYSCORE', FREE, '(' .. int(a), '-inf', 'LIMIT', '0', '1')[1]
  if before then
    local pa, pb = Ranges.read(before)
    if pb == a then
      redis.call('ZREM', FREE, before) -- its entry in LENGTHS becomes the joined range's
      a = pa
    end
  end
  local after = redis.call('ZRANGEBYSCORE', FREE, int(b), int(b))[1]
  if after then
    local na, nb = Ranges.read(after)
    drop(na, nb)
    b = nb
  end
  put(a, b)
end

-- front takes the serials from a to c out of the free range [a, b). false: there is no such range.
local function front(a, b, c)
  if not drop(a, b) then return false end
  if c < b then put(c, b) end
  return true
end

-- grasp takes the free range [a, b) in hand: several claims are cut off its front, at `next`. let_go puts back what is left. nil:
-- there is no such range.
local function grasp(a, b)
  Run.hand = drop(a, b) and {next = a, over = b} or nil
  return Run.hand
end

-- let_go must come before anything else looks at the free stock.
local function let_go()
  local hand = Run.hand
  Run.hand = nil
  if hand and hand.next < hand.over then put(hand.next, hand.over) end
end

local function lowest()
  local text = redis.call('ZRANGE', FREE, '0', '0')[1]
  if text then return Ranges.read(text) end
end

-- by_length reads a reply of LENGTHS: a range, or nil.
local function by_length(got)
  if not got[1] then return nil end
  local a = struct.unpack('>I4', got[1])
  return a, a + tonumber(got[2])
end

-- fit is the shortest free range that has n serials, as far as LENGTHS is whole. The shortest is taken so that long ranges
-- stay whole.
local function fit(n) return by_length(redis.call('ZRANGEBYSCORE', LENGTHS, n, '+inf', 'WITHSCORES', 'LIMIT', '0', '1')) end

local function longest() return by_length(redis.call('ZREVRANGE', LENGTHS, '0', '0', 'WITHSCORES')) end

-- go_on is the next range of a lease of n more serials. For buyers of one it is the lowest range. For buyers of `run` in a
-- row it is the shortest range that has all n, or else the longest range, if that has `run`.
local function go_on(n, run)
  if run == 1 then return lowest() end
  local a, b = fit(n)
  if not a then a, b = longest() end
  if a and b - a >= run then return a, b end
end

-- take cuts up to n serials in at most `most` ranges: ranges of `run` or more, if there are any.
local function take(n, most, run)
  if n < run or run > 1 and not go_on(n, run) then run = 1 end
  local got = {}
  while n >= run and n > 0 and #got < most do
    local a, b = go_on(n, run)
    if not a then break end
    local c = math.min(b, a + n)
    if not front(a, b, c) then break end
    got[#got + 1] = {a, c}
    n = n - (c - a)
  end
  table.sort(got, function(x, y) return x[1] < y[1] end)
  return got
end

-- cut takes the free serials of [a, b) out, and returns them.
local function cut(a, b)
  local list = redis.call('ZREVRANGEBYSCORE', FREE, int(a), '-inf', 'LIMIT', '0', '1')
  for _, text in ipairs(redis.call('ZRANGEBYSCORE', FREE, '(' .. int(a), '(' .. int(b))) do list[#list + 1] = text end
  local got = {}
  for _, text in ipairs(list) do
    local x, y = Ranges.read(text)
    local from, to = math.max(a, x), math.min(b, y)
    if from < to then
      drop(x, y)
      if x < from then put(x, from) end
      if to < y then put(to, y) end
      L.free = L.free - (to - from)
      got[#got + 1] = {from, to}
    end
  end
  return got
end

-- index_more adds up to INDEX more free ranges to LENGTHS. It writes how far it is at once, because the script may still
-- refuse.
local function index_more()
  local list, args = redis.call('ZRANGEBYSCORE', FREE, int(L.walk), '+inf', 'LIMIT', '0', INDEX), {}
  L.walk = 0
  for k, text in ipairs(list) do
    local a, b = Ranges.read(text)
    args[2 * k - 1], args[2 * k] = b - a, member(a)
    if k == INDEX then L.walk = a + 1 end
  end
  if #list > 0 then redis.call('ZADD', LENGTHS, unpack(args)) end
  redis.call('HSET', LEDGER, 'indexed', int(L.rev), 'walk', int(L.walk), 'packed', '')
  L.indexed = L.rev
end

-- index_check goes on with the rebuilding of LENGTHS, or begins it if a version without LENGTHS has written.
local function index_check()
  if L.indexed ~= L.rev or L.walk == ANEW then
    redis.call('UNLINK', LENGTHS)
    L.walk = 1
  end
  if L.walk > 0 then index_more() end
end

return {member = member, add = add, grasp = grasp, let_go = let_go, lowest = lowest, fit = fit, take = take, cut = cut, index_check = index_check}
