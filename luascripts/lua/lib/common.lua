-- common.lua is put in front of every script: the sale's keys, its ledger and its free ranges. Behind it come era.lua,
-- lots.lua, open.lua, promises.lua, leases.lua and sweep.lua: one text, in this order.
--
-- A script (1) opens the ledger, (2) lets ledger time pass, (3) validates, (4) writes, (5) commits. Redis does not
-- undo the writes of a script that fails half way, so nothing may fail after the first write.
-- Each says in its head how much work the worst call is. While LENGTHS is made anew INDEX ranges come on top.
-- Ranges are half open: 'a-b' is the serials a <= s < b. Times are microseconds; a number that may pass 14 digits
-- is written with int(), because tostring and .. would round it.
-- needs: -

-- Above stand the protocol's bounds (STEP, MARGIN, COVER, ...), written there from bounds.go.

local HASH, LEDGER, FREE, LEASES, DEADLINES, INSTANCES, SOLD, HOLDS, ORDERS, BUYERS, ANSWERS, WINLOG, NOLOG,
  ENTRANTS, LOTS, LENGTHS, ASKED = unpack(KEYS)

local NUMBERS = {'birth', 'total', 'prior', 'hold', 'opens', 'closes', 'limit', 'fence', 'raw', 'now', 'gen', 'rev',
  'wish', 'free', 'leased', 'limbo', 'pending', 'confirmed', 'events', 'era', 'run', 'floor', 'began', 'early', 'shut', 'lossy',
  'term', 'replicas', 'synced', 'backup', 'indexed', 'walk'}
local WORDS = {'state', 'wisher', 'shuffle', 'tended', 'spoken', 'voted'}
local UNREAD = {'past'} -- written like the others, and read by who needs it
local NOBODY = string.rep('\0', 8)

local L, stored = {}, {}
local lots, lots_text -- of a sale whose first units go by lot: see lots.lua
local due = 0 -- 1: a sweep has left something that is over
local synced = 0 -- 1: what this server answers is on its disk

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

-- Who counts as a replica: who announces a port, for only such a one can be promoted; most_told, the operator's word, is the most
-- that there are. Strangers follow this server as well: WAIT would count what they acknowledge, and they count for nothing.
local most_told
local strangers = 0
local replicas_here = 0 -- as of the last look

-- node is what this server says of its history: which it is (48 bits of master_replid; 0: it does not say), and how many
-- replicas follow it now.
local function node()
  local info = redis.pcall('INFO', 'replication')
  strangers = 0
  if type(info) ~= 'string' then return 0, 0 end
  local id = tonumber(string.match(info, 'master_replid:(%x%x%x%x%x%x%x%x%x%x%x%x)') or '0', 16)
  if string.find(info, 'connected_slaves:0', 1, true) then return id, 0 end
  local online = 0
  for port in string.gmatch(info, 'slave%d+:ip=[^,]*,port=(%d+),state=online') do
    if port == '0' then strangers = strangers + 1 else online = online + 1 end
  end
  local count = math.min(online, most_told or online)
  strangers, replicas_here = strangers + online - count, count
  return id, count
end

-- lineup is who follows this server (~: not yet with all it has), and how often anybody has begun to: while it stays the same
-- nobody has come and nobody has gone.
local function lineup()
  local info = redis.pcall('INFO', 'replication', 'stats')
  if type(info) ~= 'string' then return '?' end
  local list = {}
  for ip, port, is in string.gmatch(info, 'slave%d+:ip=([^,]*),port=(%d+),state=([a-z_]+)') do
    if port ~= '0' then list[#list + 1] = ip .. ':' .. port .. (is == 'online' and '' or '~') end
  end
  local full, part = string.match(info, 'sync_full:(%d+)'), string.match(info, 'sync_partial_ok:(%d+)')
  local syncs = tonumber(full or 0) + tonumber(part or 0)
  return table.concat(list, ',') .. '#' .. int(syncs)
end

-- server is the process: which it is (48 bits of run_id; 0: it does not say), the history it followed when it was promoted
-- (48 bits of master_replid2; 0: none), whether data has come to it from a master (nil: it does not say), and whether it
-- writes down what it does.
local function server()
  local info = redis.pcall('INFO', 'server', 'replication', 'stats', 'persistence')
  if type(info) ~= 'string' then info = '' end
  local fed = string.match(info, 'total_net_repl_input_bytes:(%d+)')
  return {run = tonumber(string.match(info, 'run_id:(%x%x%x%x%x%x%x%x%x%x%x%x)') or '0', 16),
    followed = tonumber(string.match(info, 'master_replid2:(%x%x%x%x%x%x%x%x%x%x%x%x)') or '0', 16),
    fed = fed and fed ~= '0', file = string.find(info, 'aof_enabled:1', 1, true) ~= nil}
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
    confirmed = sold, events = 0, floor = 0, began = 0, early = 0, shut = 0, lossy = 0, backup = 0, term = LEASE, synced = synced,
    indexed = 0, walk = 0, state = 'open', wisher = '-', voted = ''}
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

-- Free ranges lie in two indexes: FREE by their first serials, which is the truth, and LENGTHS by how long they are, which
-- only says where to look. A member of LENGTHS is a first serial (u32), its score the length; of equal ones the lowest serial
-- is the first. `indexed` is the rev at which a script last kept LENGTHS: where it is not the ledger's rev, a script that
-- knows no such index has written since. Then it is made anew, INDEX ranges a script, from the serial `walk` on; 0: it is whole.
local ANEW = -1

local function first_of(member) return (struct.unpack('>I4', member)) end

local function free_put(a, b)
  redis.call('ZADD', FREE, int(a), int(a) .. '-' .. int(b))
  redis.call('ZADD', LENGTHS, b - a, struct.pack('>I4', a))
end

-- free_drop takes a range out; false: FREE has no such range, so LENGTHS cannot be believed and is made anew.
local function free_drop(a, b)
  redis.call('ZREM', LENGTHS, struct.pack('>I4', a))
  if redis.call('ZREM', FREE, int(a) .. '-' .. int(b)) == 1 then return true end
  L.walk = ANEW
  return false
end

-- free_add costs the same however many ranges there are: up to seven commands.
local function free_add(a, b)
  local before = redis.call('ZREVRANGEBYSCORE', FREE, '(' .. int(a), '-inf', 'LIMIT', 0, 1)[1]
  if before then
    local pa, pb = range(before)
    if pb == a then
      redis.call('ZREM', FREE, before) -- its place in LENGTHS is the new one's
      a = pa
    end
  end
  local after = redis.call('ZRANGEBYSCORE', FREE, int(b), int(b))[1]
  if after then
    local na, nb = range(after)
    free_drop(na, nb)
    b = nb
  end
  free_put(a, b)
end

-- free_front takes the serials from a to c out of the free range [a, b), or says that there is none.
local function free_front(a, b, c)
  if not free_drop(a, b) then return false end
  if c < b then free_put(c, b) end
  return true
end

local function free_lowest()
  local text = redis.call('ZRANGE', FREE, 0, 0)[1]
  if text then return range(text) end
end

local function indexed(got)
  if not got[1] then return nil end
  local a = first_of(got[1])
  return a, a + tonumber(got[2])
end

-- free_fit is the shortest free range that has n serials, as far as LENGTHS is whole: long ones stay whole for who needs them.
local function free_fit(n) return indexed(redis.call('ZRANGEBYSCORE', LENGTHS, n, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)) end

local function free_longest() return indexed(redis.call('ZREVRANGE', LENGTHS, 0, 0, 'WITHSCORES')) end

-- free_next is where a lease of n more serials goes on. For buyers of one it is the lowest range. For buyers of `run` in a
-- row it is one that has all n, else the longest, if that is long enough.
local function free_next(n, run)
  if run == 1 then return free_lowest() end
  local a, b = free_fit(n)
  if not a then a, b = free_longest() end
  if a and b - a >= run then return a, b end
end

-- free_take cuts up to n serials in at most `most` ranges; ranges of `run` or more, if there is one.
local function free_take(n, most, run)
  if n < run or run > 1 and not free_next(n, run) then run = 1 end
  local got = {}
  while n >= run and n > 0 and #got < most do
    local a, b = free_next(n, run)
    if not a then break end
    local c = math.min(b, a + n)
    if not free_front(a, b, c) then break end
    got[#got + 1] = {a, c}
    n = n - (c - a)
  end
  table.sort(got, function(x, y) return x[1] < y[1] end)
  return got
end

-- bare says that nobody can sell a unit now, be it free or leased.
local function bare(ledger) return ledger.free == 0 and ledger.leased == 0 end

-- anchored is the rev of the newest script that somebody may have a time from; see tend.lua. Field tended is that, and the
-- rev that the newest calm script left: any other since then is a newer one.
local function anchored()
  local anchor, last = string.match(L.tended or '', '^(%d+) (%d+)$')
  return tonumber(last) == L.rev and tonumber(anchor) or L.rev or 0
end

-- commit writes the ledger, and tells whoever listens that units have come back, that the last one has gone or the first
-- one is there, or that the doors have moved. A calm script gives nobody a time to count from: no deadline, no hold.
local function commit(calm)
  local anchor = calm and int(anchored())
  local news = L.gen ~= stored.gen or L.state ~= stored.state or bare(L) ~= bare(stored)
  L.rev = (L.rev or 0) + 1
  L.indexed = L.rev
  if calm then L.tended = anchor .. ' ' .. int(L.rev) end
  if lots then L.shuffle = lots_text() end
  local args = {}
  for _, names in ipairs({NUMBERS, WORDS, UNREAD}) do
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

-- index_more takes up to INDEX more free ranges into LENGTHS, and writes how far it is: what comes after may still refuse.
local function index_more()
  local list, args = redis.call('ZRANGEBYSCORE', FREE, int(L.walk), '+inf', 'LIMIT', 0, INDEX), {}
  L.walk = 0
  for k, text in ipairs(list) do
    local a, b = range(text)
    args[2 * k - 1], args[2 * k] = b - a, struct.pack('>I4', a)
    if k == INDEX then L.walk = a + 1 end
  end
  if #list > 0 then redis.call('ZADD', LENGTHS, unpack(args)) end
  redis.call('HSET', LEDGER, 'indexed', int(L.rev), 'walk', int(L.walk))
  L.indexed, stored.indexed, stored.walk = L.rev, L.rev, L.walk
end

-- index_check goes on with LENGTHS, or begins it anew where a version without it has written.
local function index_check()
  if L.indexed ~= L.rev or L.walk == ANEW then
    redis.call('UNLINK', LENGTHS)
    L.walk = 1
  end
  if L.walk > 0 then index_more() end
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
