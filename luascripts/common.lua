-- common.lua is put in front of every script: the sale's keys, its ledger, its clock and its free ranges.
--
-- A script (1) opens the ledger, (2) lets ledger time pass, (3) validates, (4) writes, (5) commits. Redis does not
-- undo the writes of a script that fails half way, so nothing may fail after the first write.
-- Ranges are half open: 'a-b' is the serials a <= s < b. Times are microseconds; a number that may pass 14 digits
-- is written with int(), because tostring and .. would round it.

-- Above stand the protocol's bounds (STEP, MARGIN, COVER, ...), written there from bounds.go.

local HASH, LEDGER, FREE, LEASES, DEADLINES, INSTANCES, SOLD, HOLDS, ORDERS = unpack(KEYS)

local NUMBERS = {'birth', 'total', 'prior', 'hold', 'opens', 'closes', 'fence', 'raw', 'now', 'gen', 'rev', 'wish',
  'free', 'leased', 'limbo', 'pending', 'confirmed'}
local WORDS = {'state', 'wisher'}

local L, stored = {}, {}

local function int(n) return string.format('%d', n) end

local function refuse(code, why) return {err = code .. ' ' .. why} end

local function range(text)
  local a, b = string.match(text, '^(%d+)-(%d+)$')
  return tonumber(a), tonumber(b)
end

local function time_us()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

-- whole returns the number a hash field holds, or what is wrong with it.
local function whole(text, field)
  if not text then return nil, field .. ' is missing' end
  if not string.match(text, '^%-?%d+$') then return nil, field .. ' is not a whole number' end
  local n = tonumber(text)
  if n < 0 then return nil, field .. ' is negative' end
  if n > MOST then return nil, field .. ' is more than ' .. int(MOST) end
  if text ~= int(n) then return nil, field .. ' is not a plain whole number' end
  return n
end

-- hash_fields reads the article's two fields and says what is wrong with them.
local function hash_fields()
  local kind = redis.call('TYPE', HASH).ok
  if kind == 'none' then return nil end
  if kind ~= 'hash' then return {wrong = 'it is a ' .. kind .. ', not a hash'} end
  local v = redis.call('HMGET', HASH, 'ticket_total_nums', 'ticket_sold_nums', 'birth')
  local total, bad_total = whole(v[1], 'ticket_total_nums')
  local sold, bad_sold = whole(v[2], 'ticket_sold_nums')
  local wrong = bad_total or bad_sold
  if not wrong and sold > total then wrong = 'ticket_sold_nums is more than ticket_total_nums' end
  return {total = total, sold = sold, birth = v[3], wrong = wrong}
end

local function load_ledger()
  local names = {unpack(WORDS)}
  for _, n in ipairs(NUMBERS) do names[#names + 1] = n end
  local v = redis.call('HMGET', LEDGER, unpack(names))
  if not v[1] then return false end
  for i, name in ipairs(names) do
    L[name] = i > #WORDS and tonumber(v[i]) or v[i]
    stored[name] = L[name]
  end
  return true
end

-- begin_ledger fills L for a sale nobody has sold from through Spike. Serials 1..sold count as confirmed elsewhere.
local function begin_ledger(raw, total, sold, hold, opens, closes)
  L = {birth = raw, total = total, prior = sold, hold = hold, opens = opens, closes = closes, fence = 0, raw = raw,
    now = raw, gen = 0, rev = 0, wish = 0, free = total - sold, leased = 0, limbo = 0, pending = 0,
    confirmed = sold, state = 'open', wisher = '-'}
end

local function first_range() return {L.prior + 1, L.total + 1} end

-- foreign says how somebody else's hand has changed the hash, if it has.
local function foreign(h)
  if h.wrong then return h.wrong end
  if h.birth ~= int(L.birth) then return 'it was made again beside an old ledger: remove the sale first' end
  if h.total < L.total then return 'ticket_total_nums was lowered by hand' end
  if h.sold ~= L.pending + L.confirmed then return 'ticket_sold_nums was changed by hand' end
  return nil
end

local function free_add(a, b)
  local before = redis.call('ZREVRANGEBYSCORE', FREE, '(' .. int(a), '-inf', 'LIMIT', 0, 1)[1]
  if before then
    local pa, pb = range(before)
    if pb == a then
      redis.call('ZREM', FREE, before)
      a = pa
    end
  end
  local after = redis.call('ZRANGEBYSCORE', FREE, int(b), int(b))[1]
  if after then
    local _, nb = range(after)
    redis.call('ZREM', FREE, after)
    b = nb
  end
  redis.call('ZADD', FREE, int(a), int(a) .. '-' .. int(b))
end

-- free_take cuts up to n serials, lowest first, in at most `most` ranges.
local function free_take(n, most)
  local got = {}
  while n > 0 and #got < most do
    local lowest = redis.call('ZRANGE', FREE, 0, 0)[1]
    if not lowest then break end
    local a, b = range(lowest)
    local c = math.min(b, a + n)
    redis.call('ZREM', FREE, lowest)
    if c < b then redis.call('ZADD', FREE, int(c), int(c) .. '-' .. int(b)) end
    got[#got + 1] = {a, c}
    n = n - (c - a)
  end
  return got
end

local function commit()
  L.rev = (L.rev or 0) + 1
  local args = {}
  for _, names in ipairs({NUMBERS, WORDS}) do
    for _, name in ipairs(names) do
      if L[name] ~= stored[name] then
        args[#args + 1] = name
        args[#args + 1] = type(L[name]) == 'number' and int(L[name]) or L[name]
        stored[name] = L[name]
      end
    end
  end
  redis.call('HSET', LEDGER, unpack(args))
end

-- adopt begins the ledger of a hash made by hand, and writes it whole: what comes after may still refuse.
local function adopt(h, raw, peek)
  begin_ledger(raw, h.total, h.sold, 0, 0, 0)
  h.birth = int(L.birth)
  if peek then return end
  redis.call('HSET', HASH, 'birth', h.birth)
  if L.free > 0 then free_add(unpack(first_range())) end
  commit()
end

-- raise takes a total raised by hand for more stock.
local function raise(total)
  free_add(L.total + 1, total + 1)
  L.free = L.free + total - L.total
  L.total = total
  L.gen = L.gen + 1
  commit()
end

-- open brings L to life. A missing ledger beside a good hash is adopted and a raised total taken, unless `peek`.
-- Returns what is wrong: nil, a refusal of every script, or (second) a reason to grant nothing.
local function open(birth, peek)
  local h = hash_fields()
  local known = load_ledger()
  if not h and not known then return refuse('NOSALE', HASH .. ' does not exist') end
  if not h then return refuse('FOREIGN', HASH .. ' is gone, its ledger is not: remove the sale first') end
  local raw = time_us()
  if not known then
    if h.wrong then return refuse('BADSALE', HASH .. ': ' .. h.wrong) end
    if h.birth or redis.call('EXISTS', unpack(KEYS, 3)) > 0 then -- it would be adopted over what is leased and sold
      return refuse('FOREIGN', HASH .. ' has lost its ledger: remove the sale first')
    end
    if birth ~= '' then return refuse('BIRTH', HASH .. ' is another sale now') end
    adopt(h, raw, peek)
  end
  if known and birth ~= '' and birth ~= int(L.birth) then
    return refuse('BIRTH', HASH .. ' is another sale now')
  end
  L.now = L.now + math.min(math.max(raw - L.raw, 0), STEP)
  L.raw = raw
  local why = foreign(h)
  if not why and h.total > L.total and not peek then raise(h.total) end
  return nil, why and refuse('FOREIGN', HASH .. ': ' .. why)
end

local STATES = {open = 0, paused = 1, closed = 2}

-- state is what a buy would hear now: 0 open, 1 paused, 2 closed, 3 not open yet. Doors open by the wall clock.
local function state()
  if STATES[L.state] ~= 0 then return STATES[L.state] end
  if L.closes > 0 and L.raw >= L.closes then return 2 end
  if L.raw < L.opens then return 3 end
  return 0
end

-- head is how every reply begins: the sale as it stands after this script.
local function head(instance)
  local recall = (L.wish > L.now and L.wisher ~= instance) and 1 or 0
  return {L.raw, L.now, L.birth, L.total, L.free, L.leased, L.limbo, L.pending, L.confirmed, L.gen, L.rev, recall,
    state(), L.hold, L.opens, L.closes}
end

local function sold_by(n)
  -- The mirror alone may fail, where a hand has spoilt it: the ledger is the truth, and foreign() will name it.
  if n ~= 0 then redis.pcall('HINCRBY', HASH, 'ticket_sold_nums', int(n)) end
end

-- each_part calls a variadic command with as many arguments at a time as Lua's stack takes.
local function each_part(command, key, args)
  for i = 1, #args, 2000 do
    redis.call(command, key, unpack(args, i, math.min(i + 1999, #args)))
  end
end

local function new_fence()
  L.fence = math.max(L.fence + 1, L.raw)
  return L.fence
end

local function event(kind, block)
  redis.call('XADD', ORDERS, '*', 't', kind, 'at', int(L.now), 'b', block)
end

-- Leases: field fence of LEASES is 'instance request deadline hold limbo ranges', what is left of it in ranges.

local function lease_read(fence)
  local text = redis.call('HGET', LEASES, fence)
  if not text then return nil end
  local inst, req, deadline, hold, limbo, list = string.match(text, '^(%S+) (%d+) (%d+) (%d+) (%d) (%S*)$')
  local rem = {}
  for a, b in string.gmatch(list, '(%d+)-(%d+)') do rem[#rem + 1] = {tonumber(a), tonumber(b)} end
  return {fence = fence, inst = inst, req = tonumber(req), deadline = tonumber(deadline), hold = tonumber(hold),
    limbo = limbo == '1', rem = rem}
end

-- Instances: field id of INSTANCES is 'batch asked fences node'; the node's name comes last, it may hold anything.

local function instance_read(inst)
  local text = redis.call('HGET', INSTANCES, inst)
  local seq, asked, list, node = string.match(text or '', '^(%d+) (%d+) (%S*) (.*)$')
  local fences = {}
  for f in string.gmatch(list or '', '%d+') do fences[#fences + 1] = f end
  return {id = inst, node = node or '-', seq = tonumber(seq or 0), asked = tonumber(asked or 0), fences = fences}
end

local function instance_write(i)
  redis.call('HSET', INSTANCES, i.id, int(i.seq) .. ' ' .. int(i.asked) .. ' ' .. table.concat(i.fences, ',') ..
    ' ' .. i.node)
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
    int(lease.hold) .. ' ' .. (lease.limbo and '1' or '0') .. ' ' .. table.concat(list, ','))
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

local function lease_limbo(lease)
  local n = count(lease.rem)
  lease.limbo = true
  L.leased = L.leased - n
  L.limbo = L.limbo + n
  lease_write(lease)
end

local function sweep_leases(most)
  local due = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', int(L.now), 'LIMIT', 0, most)
  for _, fence in ipairs(due) do
    local lease = lease_read(fence)
    if lease.limbo then lease_free(lease) else lease_limbo(lease) end
  end
  return #due
end

local function sweep_holds(most)
  local due = redis.call('ZRANGEBYSCORE', HOLDS, '-inf', int(L.now), 'LIMIT', 0, most)
  if #due == 0 then return end
  redis.call('HDEL', SOLD, unpack(due))
  redis.call('ZREM', HOLDS, unpack(due))
  for _, s in ipairs(due) do free_add(tonumber(s), tonumber(s) + 1) end
  L.pending = L.pending - #due
  L.free = L.free + #due
  L.gen = L.gen + 1
  sold_by(-#due)
  event('expired', table.concat(due, ' '))
end

-- sweep moves at most SWEEP due items on (rows 8, 10, 11); every lease, renew and deduct begins with it.
local function sweep()
  local n = sweep_leases(SWEEP)
  if n < SWEEP then sweep_holds(SWEEP - n) end
end
