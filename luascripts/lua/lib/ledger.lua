-- ledger.lua: the sale's numbers, its doors and its clock, read into L and written back. stored has the fields of L as they
-- are written.
-- needs: server

local NUMBERS = {'birth', 'total', 'prior', 'hold', 'opens', 'closes', 'limit', 'fence', 'raw', 'now', 'gen', 'rev',
  'wish', 'free', 'leased', 'limbo', 'pending', 'confirmed', 'events', 'era', 'run', 'floor', 'began', 'early', 'shut', 'lossy',
  'term', 'replicas', 'synced', 'backup', 'indexed', 'walk'}
local WORDS = {'state', 'wisher', 'shuffle', 'tended', 'spoken', 'voted'}
local UNREAD = {'past'} -- written like the others, but read only by the functions that need it
local ALL = {NUMBERS, WORDS, UNREAD}

local stored = {}

local function load()
  local names = {unpack(WORDS)}
  for _, n in ipairs(NUMBERS) do names[#names + 1] = n end
  local v = redis.call('HMGET', LEDGER, unpack(names))
  if not v[1] then return false end
  for i, name in ipairs(names) do
    local value = i > #WORDS and tonumber(v[i]) or v[i]
    L[name], stored[name] = value, value
  end
  return true
end

-- begin fills L for a sale from which nobody has bought through Spike. The serials 1..sold count as confirmed elsewhere.
local function begin(raw, total, sold, hold, opens, closes, limit)
  local first = {birth = raw, total = total, prior = sold, hold = hold, opens = opens, closes = closes, limit = limit, fence = 0,
    raw = raw, now = raw, gen = 0, rev = 0, wish = 0, free = total - sold, leased = 0, limbo = 0, pending = 0,
    confirmed = sold, events = 0, floor = 0, began = 0, early = 0, shut = 0, lossy = 0, backup = 0, term = LEASE, synced = Run.synced,
    indexed = 0, walk = 0, state = 'open', wisher = '-', voted = ''}
  for name, value in pairs(first) do L[name] = value end
  L.era, L.replicas = Server.node()
  L.run = Server.process().run
end

-- bare says that no unit is free or leased, so nobody can sell one now.
local function bare(ledger) return ledger.free == 0 and ledger.leased == 0 end

-- anchored is the rev of the newest script that may have given somebody a time; see tend.lua. Field tended is that rev, and
-- the rev that the newest calm script left. If rev is another by now, a newer script may have given a time.
local function anchored()
  local anchor, last = string.match(L.tended or '', '^(%d+) (%d+)$')
  return tonumber(last) == L.rev and tonumber(anchor) or L.rev or 0
end

-- commit writes the ledger. It publishes news if units have come back, the last unit has gone, the first one has come, or the
-- doors have moved. A calm script gives nobody a time to count from: no deadline, no hold.
local function commit(calm)
  local anchor = calm and int(anchored())
  local news = L.gen ~= stored.gen or L.state ~= stored.state or bare(L) ~= bare(stored)
  L.rev = (L.rev or 0) + 1
  L.indexed = L.rev
  if calm then L.tended = anchor .. ' ' .. int(L.rev) end
  if Run.lots then L.shuffle = Run.lots.text() end
  local args = {}
  for _, names in ipairs(ALL) do
    for _, name in ipairs(names) do
      local value = L[name]
      if value ~= stored[name] then
        args[#args + 1] = name
        args[#args + 1] = type(value) == 'number' and int(value) or value
        stored[name] = value
      end
    end
  end
  redis.call('HSET', LEDGER, unpack(args))
  if news then redis.pcall('PUBLISH', '{' .. HASH .. '}:news', L.state) end -- a hint: it may fail
end

return {stored = stored, load = load, begin = begin, anchored = anchored, commit = commit}
