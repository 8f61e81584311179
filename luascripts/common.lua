-- common.lua is put in front of every script: the sale's keys, its ledger, its clock and its free ranges.
--
-- A script (1) opens the ledger, (2) lets ledger time pass, (3) validates, (4) writes, (5) commits. Redis does not
-- undo the writes of a script that fails half way, so nothing may fail after the first write.
-- Ranges are half open: 'a-b' is the serials a <= s < b. Times are microseconds; a number that may pass 14 digits
-- is written with int(), because tostring and .. would round it.

-- Above stand the protocol's bounds (STEP, MARGIN, COVER, ...), written there from bounds.go.

local HASH, LEDGER, FREE, LEASES, DEADLINES, INSTANCES, SOLD, HOLDS, ORDERS, BUYERS, ANSWERS, WINLOG, NOLOG = unpack(KEYS)

local NUMBERS = {'birth', 'total', 'prior', 'hold', 'opens', 'closes', 'limit', 'fence', 'raw', 'now', 'gen', 'rev',
  'wish', 'free', 'leased', 'limbo', 'pending', 'confirmed', 'events', 'era', 'run', 'floor', 'began', 'shut', 'lossy',
  'term', 'replicas', 'synced'}
local WORDS = {'state', 'wisher', 'past'}
local NOBODY = string.rep('\0', 8)

local L, stored = {}, {}
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
    confirmed = sold, events = 0, floor = 0, began = raw, shut = 0, lossy = 0, term = LEASE, synced = synced, state = 'open',
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

-- commit writes the ledger, and tells whoever listens that units have come back or the doors have moved.
local function commit()
  local news = L.gen ~= stored.gen or L.state ~= stored.state
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

-- recovering says that a new era grants nothing yet (E2).
local function recovering() return L.shut > L.now end

-- pass lets ledger time pass. Where history is lost it is the whole time since: promises made in it end by that clock.
local function pass(raw, all)
  local gap = math.max(raw - L.raw, 0)
  L.now = L.now + (all and gap or math.min(gap, STEP))
  L.raw = raw
end

-- Where a server may have the ledger from, when its history is not the one the ledger was written in.
local MEMORY, DISK, PRIMARY = 1, 2, 3

-- origin is MEMORY where only the name is new: a first replica came, or the last one went. A process that may have begun
-- after the ledger was last written has it from its disk; any other was a replica, and has its primary's.
local function origin(s, raw)
  if s.run ~= 0 and s.run == L.run and not s.followed then return MEMORY end
  return raw - s.up + MARGIN > L.raw and DISK or PRIMARY
end

-- may_lack says that somebody may have acted on what came after the ledger as it is here: on a disk that did not have every
-- answer first, or that is another's; on a primary that had no replica to wait for.
local function may_lack(from, s)
  if from == DISK then return L.synced == 0 or not s.file or s.followed end
  return L.replicas == 0
end

-- covered is how long a promise binds: the sale's hold, or what stands for it.
local function covered() return L.hold > 0 and L.hold or COVER end

-- pass_on remembers how far the last eras came, as far as it is known here: who acted on more proves that it was lost.
local function pass_on()
  local list = {int(L.era) .. ':' .. int(L.rev)}
  for one in string.gmatch(L.past, '[^,]+') do
    if #list < PAST then list[#list + 1] = one end
  end
  L.past = table.concat(list, ',')
end

-- close grants nothing until every promise from before this era is over; or, where nothing is lost, until every owner of
-- a lease has spoken.
local function close()
  L.shut = math.max(L.shut, L.began + L.term + MARGIN + (L.lossy == 1 and covered() or 0))
end

-- enter begins a new era (E1, E2), or lets time pass and counts the replicas. Of I5 the most that were seen: a new era takes
-- off the one that was promoted, and no other, for they may be promoted yet. A recovery under way goes on in the new era.
local function enter(raw)
  local era, replicas = node()
  if L.era == 0 then L.era = era end
  local s = era ~= 0 and era ~= L.era and server()
  local from = s and origin(s, raw)
  if not s or from == MEMORY then
    pass(raw)
    if s then L.era = era end
    L.replicas = math.max(L.replicas, replicas)
    return false
  end
  local lossy = may_lack(from, s)
  pass(raw, lossy)
  if recovering() then
    L.lossy = math.max(L.lossy, lossy and 1 or 0)
    L.floor = math.min(L.floor, L.fence)
  else
    L.lossy = lossy and 1 or 0
    L.floor = L.fence
  end
  pass_on()
  L.era, L.run, L.began = era, s.run, L.now
  L.replicas = math.max(L.replicas - (from == PRIMARY and 1 or 0), replicas)
  L.events = L.events + LOST_EVENTS -- numbers that may have been told are not used again
  close()
  return true
end

-- lasts notes how long leases last: those in lost history, too.
local function lasts(term)
  if term <= L.term then return end
  L.term = term
  if recovering() then close() end
end

-- in_era ends what is said to who believes in a sale that is not here: in another era it may be so for a moment only.
local function in_era() return ' (era ' .. int((node())) .. ')' end

-- open brings L to life. A missing ledger beside a good hash is adopted and a raised total taken, unless `peek`. The caller
-- is the birth it believes in ('' = any), and + if what this server answers is on its disk (appendfsync always).
-- Returns what is wrong: nil, a refusal of every script, or (second) a reason to grant nothing.
local function open(caller, peek)
  local birth, on_disk = string.match(caller, '^(%d*)(%+?)$')
  local h = hash_fields()
  local known = load_ledger()
  if not h and not known then return refuse('NOSALE', HASH .. ' does not exist' .. in_era()) end
  if not h then return refuse('FOREIGN', HASH .. ' is gone, its ledger is not: remove the sale first') end
  local raw = time_us()
  synced = on_disk == '+' and 1 or 0
  if not known then
    if h.wrong then return refuse('BADSALE', HASH .. ': ' .. h.wrong) end
    if h.birth or redis.call('EXISTS', unpack(KEYS, 3)) > 0 then -- it would be adopted over what is leased and sold
      return refuse('FOREIGN', HASH .. ' has lost its ledger: remove the sale first')
    end
    if birth ~= '' then return refuse('BIRTH', HASH .. ' is another sale now' .. in_era()) end
    adopt(h, raw, peek)
  end
  if known and birth ~= '' and birth ~= int(L.birth) then
    return refuse('BIRTH', HASH .. ' is another sale now' .. in_era())
  end
  local fresh = enter(raw)
  if not peek then
    L.synced = synced
    if fresh then begin_era() end
  end
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
    state(), L.hold, L.opens, L.closes, L.limit, due, L.era, recovering() and L.shut or 0, L.replicas}
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

-- event tells the orders' stream of claims whose owner has changed; owners name its number.
local function event(kind, block)
  L.events = L.events + 1
  redis.call('XADD', ORDERS, '*', 't', kind, 'n', int(L.events), 's', int(L.birth), 'at', int(L.now), 'raw', int(L.raw),
    'b', block)
end

-- Owners: field serial of SOLD is what a claim says (fence u64, nonce u64, expiry u64; 0 = never), then p(ending) or
-- c(onfirmed), the number of the newest event that concerns it (u32), and the buyer (8 bytes), unless it is nobody.

local function owner_value(fence_nonce, expiry, mark, number, buyer)
  return fence_nonce .. expiry .. mark .. struct.pack('>I4', number) .. (buyer == NOBODY and '' or buyer)
end

-- Holds: what is pending is looked for once its hold is over. A member of HOLDS is up to GROUP serials (u32 each), its
-- score the latest end among theirs. Serials are not taken out when their life moves on: the sweep asks their owners.

local function hold_add(serials, ends) redis.call('ZADD', HOLDS, 'GT', int(ends), serials) end

-- Answers: what was said once and must be said again to who asks again, for the hold and KEEP. A field of ANSWERS is
-- k.. for an idempotency key or x.. for a cancelled claim; its value begins with its end (u64). Two logs have the fields
-- in order: WINLOG of keys that won, NOLOG of the others, so that who is refused again and again pushes no winner out.
-- Beyond total + ANSWERS_MOST in each the oldest go early.

local function answer_kept(field)
  local value = redis.call('HGET', ANSWERS, field)
  return value and struct.unpack('>I8', value) > L.now and string.sub(value, 9)
end

local function answer_drop(log)
  local field = redis.call('LPOP', log)
  if field then redis.call('HDEL', ANSWERS, field) end
end

local function answer_keep(log, field, data)
  redis.call('HSET', ANSWERS, field, struct.pack('>I8', L.now + L.hold + KEEP) .. data)
  if redis.call('RPUSH', log, field) > L.total + ANSWERS_MOST then answer_drop(log) end
end

local function sweep_answers(log, most)
  for _ = 1, most do
    local field = redis.call('LINDEX', log, 0)
    if not field or answer_kept(field) then return end
    answer_drop(log)
  end
end

-- Buyers, where the sale has a limit: field buyer of BUYERS is the serials (u32) that buyer has.

local function buyer_loses(buyer, serial)
  if buyer == NOBODY then return end
  local has = redis.call('HGET', BUYERS, buyer) or ''
  for at = 1, #has, 4 do
    if string.sub(has, at, at + 3) == serial then
      has = string.sub(has, 1, at - 1) .. string.sub(has, at + 4)
      break
    end
  end
  if has == '' then redis.call('HDEL', BUYERS, buyer) else redis.call('HSET', BUYERS, buyer, has) end
end

-- unown puts serials back on sale. gone is {serial, owner's value} ..., in the order of the serials; of each owner it
-- tells the stream in claims as long as they go.
local function unown(kind, gone)
  local names, claims, first, last = {}, {}, nil, nil
  local function give() if first then free_add(first, last + 1) end end
  for k, g in ipairs(gone) do
    local serial, value = g[1], g[2]
    local buyer = #value > 29 and string.sub(value, 30) or NOBODY
    local id = string.sub(value, 1, 24)
    local old = claims[#claims]
    if serial - 1 == last and old.id == id then
      old.n = old.n + 1
    else
      claims[#claims + 1] = {first = serial, n = 1, id = id, buyer = buyer}
    end
    if serial - 1 ~= last then
      give()
      first = serial
    end
    last, names[k] = serial, int(serial)
    if L.limit > 0 then buyer_loses(buyer, struct.pack('>I4', serial)) end
  end
  give()
  for k, c in ipairs(claims) do claims[k] = struct.pack('>I4I4', c.first, c.n) .. c.id .. c.buyer end
  each_part('HDEL', SOLD, names)
  L.pending = L.pending - #gone
  L.free = L.free + #gone
  L.gen = L.gen + 1
  sold_by(-#gone)
  event(kind, table.concat(claims))
end

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
  if not recovering() or L.lossy == 1 or L.now < L.began + MARGIN then return end
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

-- lossy says that promises may be alive that are not written here.
local function lossy() return recovering() and L.lossy == 1 end

-- unheard says that history lost may have had this lease: its owner must re-assert it first (E3).
local function unheard(fence) return recovering() and fence > L.floor and not lease_read(int(fence)) end

local function sweep_leases(most)
  local due = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', int(L.now), 'LIMIT', 0, most)
  for _, fence in ipairs(due) do
    local lease = lease_read(fence)
    if lease.limbo then lease_free(lease) else lease_limbo(lease) end
  end
  return #due
end

-- expired looks at one group of HOLDS, and adds to gone those that are over, once: a serial sold again may be in several
-- groups. Who has come to a later end since is put down again.
local function expired(group, gone)
  redis.call('ZREM', HOLDS, group)
  local names = {}
  for at = 1, #group, 4 do names[#names + 1] = int(struct.unpack('>I4', group, at)) end
  for k, value in ipairs(redis.call('HMGET', SOLD, unpack(names))) do
    if value and string.sub(value, 25, 25) == 'p' then
      local ends = struct.unpack('>I8', value, 17)
      local serial = tonumber(names[k])
      if ends <= L.now then
        if not gone[-serial] then gone[#gone + 1] = {serial, value} end
        gone[-serial] = true
      else
        hold_add(string.sub(group, 4 * k - 3, 4 * k), ends)
      end
    end
  end
  return #names
end

-- whole adds to gone the rest of the reservations that are in it: one is over as a whole, and told of in one piece, though
-- its units lie in several groups since a part of them was looked at before its time.
local function whole(gone)
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
    local group = redis.call('ZRANGEBYSCORE', HOLDS, '-inf', int(L.now), 'LIMIT', 0, 1)[1]
    if not group then break end
    if seen >= most then
      due = 1
      break
    end
    seen = seen + expired(group, gone)
  end
  if #gone == 0 then return 0 end
  whole(gone)
  table.sort(gone, function(a, b) return a[1] < b[1] end)
  unown('expired', gone)
  return #gone
end

-- sweep moves what is due on (rows 8, 10, 11), about `most` items; every lease, renew, deduct and expire begins with it.
-- Returns how many units' holds were over.
local function sweep(most)
  sweep_answers(WINLOG, 8)
  sweep_answers(NOLOG, 8)
  local n = sweep_leases(most)
  if n == most then
    due = 1
    return 0
  end
  return sweep_holds(most - n)
end
