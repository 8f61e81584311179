-- ledger.lua: the sale's numbers, its doors and its clock, read into L and written back.
--
-- Field packed has all numbers once more, so that a run reads and parses one field for them. `rev` says whether it may be
-- believed: a version that does not know it writes only the fields, and moves rev.
--
-- Field layout is the number of the layout of all keys of the sale. A change by which another version would misread a key raises
-- LAYOUT; the name and the place of this field never change. A ledger without it is of a version before 0.1.0: its layout is 0.
-- needs: server

local LAYOUT = '1'
local NUMBERS = {'rev', 'birth', 'total', 'prior', 'hold', 'opens', 'closes', 'limit', 'fence', 'raw', 'now', 'gen',
  'wish', 'free', 'leased', 'limbo', 'pending', 'confirmed', 'events', 'era', 'run', 'floor', 'began', 'early', 'shut', 'lossy',
  'term', 'replicas', 'synced', 'backup', 'indexed', 'walk'}
local WORDS = {'layout', 'state', 'wisher', 'shuffle', 'tended', 'spoken', 'voted', 'seen'}
local UNREAD = {'past'} -- written like the others, but read only by the functions that need it
local PACKED = '>' .. string.rep('i8', #NUMBERS)

local NAMES, PLACE = {}, {} -- all of them
for _, names in ipairs({NUMBERS, WORDS, UNREAD}) do
  for _, name in ipairs(names) do
    NAMES[#NAMES + 1] = name
    PLACE[name] = #NAMES
  end
end

-- fill makes a table of the fields, by their names, of a list by their places. One constructor costs much less than an assignment for
-- each of them: its table has its size at once.
local fill
do
  local fields = {}
  for place, name in ipairs(NAMES) do fields[place] = name .. ' = v[' .. place .. ']' end
  fill = loadstring('local v = ... return {' .. table.concat(fields, ', ') .. '}')
end

-- whole says that a list has all numbers: a ledger of an older version may lack some.
local function whole(v)
  for place = 1, #NUMBERS do
    if not v[place] then return false end
  end
  return true
end

-- numbers are the fields of NUMBERS. packed and rev are those two fields.
local function numbers(packed, rev)
  local v = packed and #packed == 8 * #NUMBERS and {struct.unpack(PACKED, packed)}
  Run.whole = v and v[1] == tonumber(rev)
  if Run.whole then return v end
  v = redis.call('HMGET', LEDGER, unpack(NUMBERS))
  for place = 1, #NUMBERS do v[place] = tonumber(v[place]) end
  return v
end

-- load fills L: true. false: there is no ledger. Or it returns true, and a refusal: the ledger has another layout.
local function load()
  local got = redis.call('HMGET', LEDGER, 'packed', 'rev', unpack(WORDS))
  local layout, state = got[3], got[4]
  if not layout and not state then return false end
  if layout ~= LAYOUT then
    return true, refuse('BADSALE', HASH .. ': its ledger has layout ' .. (layout or '0') .. ', this version of Spike knows layout ' ..
      LAYOUT)
  end
  local v = numbers(got[1], got[2])
  for k = 1, #WORDS do v[#NUMBERS + k] = got[2 + k] end
  v[#NUMBERS + #WORDS + 1] = nil -- where struct.unpack ended
  know(fill(v))
  Run.stored = v
  return true
end

-- stored is a field as it is written; nil: it is not. Run.stored has the fields by their places.
local function stored(name) return Run.stored[PLACE[name]] end

-- begin fills L for a sale from which nobody has bought through Spike. The serials 1..sold count as confirmed elsewhere.
local function begin(raw, total, sold, hold, opens, closes, limit)
  local first = {birth = raw, total = total, prior = sold, hold = hold, opens = opens, closes = closes, limit = limit, fence = 0,
    raw = raw, now = raw, gen = 0, rev = 0, wish = 0, free = total - sold, leased = 0, limbo = 0, pending = 0,
    confirmed = sold, events = 0, floor = 0, began = 0, early = 0, shut = 0, lossy = 0, backup = 0, term = LEASE, synced = Run.synced,
    indexed = 0, walk = 0, layout = LAYOUT, state = 'open', wisher = '-', voted = ''}
  for name, value in pairs(first) do L[name] = value end
  L.era, L.replicas = Server.node()
  L.seen = Run.names
  L.run = Server.process().run
end

-- bare says that no unit is free or leased, so nobody can sell one now.
local function bare(free, leased) return free == 0 and leased == 0 end

-- anchored is the rev of the newest script that may have given somebody a time; see tend.lua. Field tended is that rev, and
-- the rev that the newest calm script left. If rev is another by now, a newer script may have given a time.
local function anchored()
  local anchor, last = string.match(L.tended or '', '^(%d+) (%d+)$')
  return tonumber(last) == L.rev and tonumber(anchor) or L.rev or 0
end

-- write writes the fields that are no longer as they are stored, and all numbers as one.
local function write()
  local args, count, now, was = {}, 0, L, Run.stored
  for place = 1, #NAMES do
    local name = NAMES[place]
    local value = now[name]
    if value ~= was[place] then
      args[count + 1], args[count + 2] = name, place <= #NUMBERS and int(value) or value
      count, was[place] = count + 2, value
    end
  end
  Run.whole = Run.whole or whole(was)
  if Run.whole then args[count + 1], args[count + 2] = 'packed', struct.pack(PACKED, unpack(was, 1, #NUMBERS)) end
  redis.call('HSET', LEDGER, unpack(args))
end

-- commit writes the ledger. It publishes news if units have come back, the last unit has gone, the first one has come, or the
-- doors have moved. A calm script gives nobody a time to count from: no deadline, no hold.
local function commit(calm)
  local anchor = calm and int(anchored())
  local news = L.gen ~= stored('gen') or L.state ~= stored('state') or
    bare(L.free, L.leased) ~= bare(stored('free'), stored('leased'))
  L.rev = (L.rev or 0) + 1
  L.indexed = L.rev
  if calm then L.tended = anchor .. ' ' .. int(L.rev) end
  if Run.lots then L.shuffle = Run.lots.text() end
  write()
  if news then redis.pcall('PUBLISH', '{' .. HASH .. '}:news', L.state) end -- a hint: it may fail
end

return {stored = stored, load = load, begin = begin, anchored = anchored, commit = commit}
