-- sale.lua: how a script begins, and how its reply begins.
-- needs: era free hash ledger lots server

-- adopt begins the ledger of a hash made by hand. It writes the ledger at once, because the script may still refuse.
local function adopt(h, raw, peek)
  Ledger.begin(raw, h.total, h.sold, 0, 0, 0, 0)
  h.birth = int(L.birth)
  if peek then return end
  redis.call('HSET', HASH, 'birth', h.birth)
  if L.free > 0 then Free.add(L.prior + 1, L.total + 1) end
  Ledger.commit()
end

-- raise adds stock for a total that was raised by hand.
local function raise(total)
  Free.add(L.total + 1, total + 1)
  L.free = L.free + total - L.total
  L.total = total
  L.gen = L.gen + 1
  Ledger.commit()
end

-- known_or_adopted fills L, or returns a refusal. If there is a good hash and no ledger, it adopts the hash, unless `peek`.
local function known_or_adopted(h, birth, peek)
  local known, unread = Ledger.load()
  if unread then return known, nil, unread end
  if not h and not known then return known, nil, refuse('NOSALE', HASH .. ' does not exist' .. Era.named()) end
  if not h then
    return known, nil, refuse('FOREIGN', HASH .. ' is gone, its ledger is not: spike sale mend writes it again')
  end
  local raw = Server.clock()
  if not known then
    Hash.parse(h)
    if h.wrong then return known, raw, refuse('BADSALE', HASH .. ': ' .. h.wrong) end
    if h.birth or redis.call('EXISTS', unpack(Run.keys, 3)) > 0 then -- adopting it would sell again what is leased and sold
      return known, raw, refuse('FOREIGN', HASH .. ' has lost its ledger: remove the sale first')
    end
    if birth ~= '' then return known, raw, refuse('BIRTH', HASH .. ' is another sale now' .. Era.named()) end
    adopt(h, raw, peek)
  elseif birth ~= '' and birth ~= int(L.birth) then
    return known, raw, refuse('BIRTH', HASH .. ' is another sale now' .. Era.named())
  end
  return known, raw
end

-- open fills L and lets time pass. It takes a total that was raised by hand, unless `peek`. `caller` is: the birth that the
-- caller believes in ('' = any); + if this server answers only what is on its disk (appendfsync always); r and the most
-- replicas that there are, if the operator says so.
-- Returns a refusal of every script (nil: none), and a refusal to grant anything (nil: none).
local function open(caller, peek)
  local birth, on_disk, most = string.match(caller, '^(%d*)(%+?)r?(%d*)$')
  Run.most_told = tonumber(most)
  Run.synced = on_disk == '+' and 1 or 0
  local h = Hash.read()
  Run.hash = h
  local known, raw, refused = known_or_adopted(h, birth, peek)
  if refused then return refused end
  if L.shuffle then Lots.begin() end
  if Run.most_told and L.replicas > Run.most_told then L.replicas = Run.most_told end
  if known and not peek then Free.index_check() end
  local fresh = Era.enter(raw)
  if not peek then
    L.synced = Run.synced
    if fresh then Ledger.commit() end -- at once, because the script may still refuse
    if Run.lots then Run.lots.pass() end
  end
  local why = Hash.foreign(h)
  if h.raised > 0 and not peek then raise(L.total + h.raised) end
  return nil, why and refuse('FOREIGN', HASH .. ': ' .. why)
end

local STATES = {open = 0, paused = 1, closed = 2}

-- state is the state of the doors for a buyer: 0 open, 1 paused, 2 closed, 3 not open yet, 4 drawing. Doors open and close by
-- the server's clock.
local function state()
  if STATES[L.state] ~= 0 then return STATES[L.state] end
  if L.closes > 0 and L.raw >= L.closes then return 2 end
  if L.raw < L.opens then return 3 end
  if Run.lots and Run.lots.drawn == 0 then return Lots.DRAWING end
  return 0
end

-- head begins every reply: the sale as this script leaves it.
local function head(instance)
  local recall = (L.wish > L.now and L.wisher ~= instance) and 1 or 0
  local reply = {L.raw, L.now, L.birth, L.total, L.free, L.leased, L.limbo, L.pending, L.confirmed, L.gen, L.rev, recall,
    state(), L.hold, L.opens, L.closes, L.limit, Run.due, L.era, Era.recovering() and L.shut or 0, L.replicas, Run.strangers}
  local lots = Run.lots
  if lots then
    reply[#reply + 1] = {lots.window, lots.drawn, lots.entrants, lots.winners, lots.kept, lots.ends, lots.last,
      lots.drawn > 0 and lots.seed or ''}
  end
  return reply
end

local function new_fence()
  local fence = L.fence + 1
  if fence < L.raw then fence = L.raw end
  L.fence = fence
  return fence
end

-- event writes claims whose owner has changed to the orders' stream. Owners carry the number of the event.
local function event(kind, block)
  L.events = L.events + 1
  redis.call('XADD', ORDERS, '*', 't', kind, 'n', int(L.events), 's', int(L.birth), 'at', int(L.now), 'raw', int(L.raw),
    'b', block)
end

return {open = open, state = state, head = head, new_fence = new_fence, event = event}
