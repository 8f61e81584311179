-- open.lua follows era.lua: how a script begins, and what every answer begins with.
-- needs: lots

-- open brings L to life. A missing ledger beside a good hash is adopted and a raised total taken, unless `peek`. The caller
-- is the birth it believes in ('' = any), + if what this server answers is on its disk (appendfsync always), and r and the
-- most replicas that there are, if the operator says so.
-- Returns what is wrong: nil, a refusal of every script, or (second) a reason to grant nothing.
local function open(caller, peek)
  local birth, on_disk, most = string.match(caller, '^(%d*)(%+?)r?(%d*)$')
  most_told = tonumber(most)
  local h = hash_fields()
  local known = load_ledger()
  if not h and not known then return refuse('NOSALE', HASH .. ' does not exist' .. in_era()) end
  if not h then return refuse('FOREIGN', HASH .. ' is gone, its ledger is not: spike sale mend writes it again') end
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
  if L.shuffle then lots_begin() end
  if most_told and L.replicas > most_told then L.replicas = most_told end
  if known and not peek then index_check() end
  local fresh = enter(raw)
  if not peek then
    L.synced = synced
    if fresh then commit() end -- what comes after may still refuse
    if lots then lots_pass() end
  end
  local why = foreign(h)
  if not why and h.total > L.total and not peek then raise(h.total) end
  return nil, why and refuse('FOREIGN', HASH .. ': ' .. why)
end

local STATES = {open = 0, paused = 1, closed = 2}

-- state is what a buy would hear now: 0 open, 1 paused, 2 closed, 3 not open yet, 4 drawing. Doors open by the wall clock.
local function state()
  if STATES[L.state] ~= 0 then return STATES[L.state] end
  if L.closes > 0 and L.raw >= L.closes then return 2 end
  if L.raw < L.opens then return 3 end
  if lots and lots.drawn == 0 then return DRAWING end
  return 0
end

-- head is how every reply begins: the sale as it stands after this script.
local function head(instance)
  local recall = (L.wish > L.now and L.wisher ~= instance) and 1 or 0
  local reply = {L.raw, L.now, L.birth, L.total, L.free, L.leased, L.limbo, L.pending, L.confirmed, L.gen, L.rev, recall,
    state(), L.hold, L.opens, L.closes, L.limit, due, L.era, recovering() and L.shut or 0, L.replicas, strangers}
  if lots then
    reply[#reply + 1] = {lots.window, lots.drawn, lots.entrants, lots.winners, lots.kept, lots.ends, lots.last,
      lots.drawn > 0 and lots.seed or ''}
  end
  return reply
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
