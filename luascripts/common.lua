-- common.lua is put in front of every script: the sale's keys, its ledger and its free ranges. Behind it come era.lua,
-- lots.lua, open.lua, promises.lua, leases.lua and sweep.lua: one text, in this order.
--
-- A script (1) opens the ledger, (2) lets ledger time pass, (3) validates, (4) writes, (5) commits. Redis does not
-- undo the writes of a script that fails half way, so nothing may fail after the first write.
-- Ranges are half open: 'a-b' is the serials a <= s < b. Times are microseconds; a number that may pass 14 digits
-- is written with int(), because tostring and .. would round it.

-- Above stand the protocol's bounds (STEP, MARGIN, COVER, ...), written there from bounds.go.

local HASH, LEDGER, FREE, LEASES, DEADLINES, INSTANCES, SOLD, HOLDS, ORDERS, BUYERS, ANSWERS, WINLOG, NOLOG,
  ENTRANTS, LOTS = unpack(KEYS)

local NUMBERS = {'birth', 'total', 'prior', 'hold', 'opens', 'closes', 'limit', 'fence', 'raw', 'now', 'gen', 'rev',
  'wish', 'free', 'leased', 'limbo', 'pending', 'confirmed', 'events', 'era', 'run', 'floor', 'began', 'early', 'shut', 'lossy',
  'term', 'replicas', 'synced'}
local WORDS = {'state', 'wisher', 'past', 'shuffle'}
local NOBODY = string.rep('\0', 8)

local L, stored = {}, {}
local lots, lots_text -- of a sale whose first units go by lot: see lots.lua
local due = 0 -- 1: a sweep has left something that is over
local synced = 0 -- 1: what this server answers is on its disk
local begin_era -- below, for it needs leases

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

-- node is what this server says of its history: which it is (48 bits of master_replid; 0: it does not say), and how many
-- replicas follow it now.
local function node()
  local info = redis.pcall('INFO', 'replication')
  if type(info) ~= 'string' then return 0, 0 end
  local id = string.match(info, 'master_replid:(%x%x%x%x%x%x%x%x%x%x%x%x)')
  if string.find(info, 'connected_slaves:0', 1, true) then return tonumber(id or '0', 16), 0 end
  local _, online = string.gsub(info, 'state=online', '')
  return tonumber(id or '0', 16), online
end

-- server is the process: which it is (48 bits of run_id; 0: it does not say), how long it is up, whether it has followed
-- another before, and whether it writes down what it does.
local function server()
  local info = redis.pcall('INFO', 'server', 'replication', 'persistence')
  if type(info) ~= 'string' then info = '' end
  return {run = tonumber(string.match(info, 'run_id:(%x%x%x%x%x%x%x%x%x%x%x%x)') or '0', 16),
    up = tonumber(string.match(info, 'uptime_in_seconds:(%d+)') or '0') * 1000000,
    followed = not string.find(info, 'master_replid2:0000000000000000', 1, true),
    file = string.find(info, 'aof_enabled:1', 1, true) ~= nil}
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
local function begin_ledger(raw, total, sold, hold, opens, closes, limit)
  L = {birth = raw, total = total, prior = sold, hold = hold, opens = opens, closes = closes, limit = limit, fence = 0,
    raw = raw, now = raw, gen = 0, rev = 0, wish = 0, free = total - sold, leased = 0, limbo = 0, pending = 0,
    confirmed = sold, events = 0, floor = 0, began = raw, early = 0, shut = 0, lossy = 0, term = LEASE, synced = synced, state = 'open',
    wisher = '-', past = ''}
  L.era, L.replicas = node()
  L.run = server().run
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

-- bare says that nobody can sell a unit now, be it free or leased.
local function bare(ledger) return ledger.free == 0 and ledger.leased == 0 end

-- commit writes the ledger, and tells whoever listens that units have come back, that the last one has gone or the first
-- one is there, or that the doors have moved.
local function commit()
  local news = L.gen ~= stored.gen or L.state ~= stored.state or bare(L) ~= bare(stored)
  L.rev = (L.rev or 0) + 1
  if lots then L.shuffle = lots_text() end
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
  if news then redis.pcall('PUBLISH', '{' .. HASH .. '}:news', L.state) end -- a hint: it may fail
end

-- adopt begins the ledger of a hash made by hand, and writes it whole: what comes after may still refuse.
local function adopt(h, raw, peek)
  begin_ledger(raw, h.total, h.sold, 0, 0, 0, 0)
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
