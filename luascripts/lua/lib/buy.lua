-- buy.lua: what buys of free units (deduct.lua) and the collecting of drawn ones (collect.lua) share. One call decides several
-- buys, in order, each by itself: a refused buy refuses no other. Limit, idempotency key and units of a buy are one script. A
-- buy `it` has n (units), nonce, buyer, key (its field of ANSWERS; false: none) and offer (a claim; false: none). The loops run
-- once for every buyer, so they are simple.
-- needs: answer claim era free ledger owner pend sale sweep

local NONE, HAD, LIMIT, USED, BARRED = 0, 1, 2, 3, 4
local WANT = '>I4I8c8c16' -- n, nonce, buyer, key
local OFFER = '>I4c40' -- which buy it is of, from 1; a claim
local RECORD = '>I4I4I4I4I8I8I8I8' -- n, answer, serial, count, fence, nonce, expiry, until
local NOKEY = string.rep('\0', 16)

local pack, parse = struct.pack, struct.unpack

local function record(it, answer, serial, count, fence, number, expiry, till)
  return pack(RECORD, it.n, answer, serial or 0, count or 0, fence or 0, number or 0, expiry or 0, till or 0)
end

-- read reads the buys of a call, and their offers.
local function read(wants, offers)
  local list, at, count = {}, 1, 0
  while at <= #wants do
    local n, nonce, buyer, key
    n, nonce, buyer, key, at = parse(WANT, wants, at)
    count = count + 1
    list[count] = {n = n, nonce = nonce, buyer = buyer, key = key ~= NOKEY and 'k' .. key, offer = false, block = false,
      answer = false, refusal = false}
  end
  at = 1
  while at <= #offers do
    local k, claim
    k, claim, at = parse(OFFER, offers, at)
    list[k].offer = Claim.read(claim)
  end
  return list
end

-- answers_of is the answers that are kept for the buys' keys, by key.
local function answers_of(list)
  local fields, count, by_key = {}, 0, {}
  for _, it in ipairs(list) do
    if it.key then
      count = count + 1
      fields[count] = it.key
    end
  end
  for k, answer in ipairs(Answer.kept_all(fields)) do by_key[fields[k]] = answer end
  return by_key
end

-- flush writes what the buys so far have changed. Whatever looks at units, or frees some, comes behind it.
local function flush()
  Free.let_go()
  Pend.write()
end

-- again repeats the kept answer of a buy's key. If the buy has an offer, the offer is not needed. It goes free, unless it is the
-- claim in the answer.
local function again(it, kept)
  local asked, _, _, _, fence, number = parse(RECORD, kept)
  if it.offer and it.offer.id ~= pack('>I8I8', fence, number) then
    flush()
    Claim.release(it.offer)
  end
  return asked == it.n and kept or record(it, USED)
end

-- unfit is the refusal of a buy that no sale could serve.
local function unfit(it)
  if it.n > UNITS then return refuse('TOOMANY', 'one buy has at most ' .. int(UNITS) .. ' units') end
  if it.offer and Claim.life(it.offer) == Claim.UNHEARD then return Claim.refuse_unheard(it.offer) end
end

-- barred is the refusal of a buy whose key was not answered before: nobody may have units, or no buyer like this one.
local function barred(it, stop)
  if stop then return stop end
  if L.limit > 0 and it.buyer == NOBODY then return refuse('NOBUYER', 'a sale with a limit per buyer must know its buyers') end
  if not it.offer and Era.recovering() then
    return refuse('RECOVERING', 'the history of this sale was cut: it grants nothing yet')
  end
end

-- refused_often says that as many of this buyer's keys as are kept got LIMIT. Its further keys are decided anew. A field l..
-- of ANSWERS counts them.
local function refused_often(buyer)
  local field = 'l' .. buyer
  local kept = Answer.kept(field)
  if not kept then
    Answer.keep(NOLOG, field, pack('>I4', 1))
    return false
  end
  local count = parse('>I4', kept)
  if count >= REFUSED then return true end
  Answer.change(field, pack('>I4', count + 1))
  return false
end

-- had is the answer that a claim is the buyer's. It is kept for the key, and noted for the buyer if it counts for a limit.
local function had(it, serial, n, fence, nonce, expiry)
  local told = pack(RECORD, it.n, HAD, serial, n, fence, nonce, expiry, Claim.until_us(expiry))
  if it.key then
    Run.told[it.key] = told
    local wins, k = Run.wins, #Run.wins
    wins[k + 1], wins[k + 2] = it.key, told
    Run.winners[#Run.winners + 1] = it.key
  end
  if L.limit > 0 then Run.winners[#Run.winners + 1] = 'b' .. it.buyer end
  return told
end

-- limited is the answer that the buyer has as many as the sale allows, and its pending claim. It is kept for the key, unless
-- many are.
local function limited(it, ...)
  local told = record(it, LIMIT, ...)
  if it.key and not refused_often(it.buyer) then
    Run.told[it.key] = told
    Answer.keep(NOLOG, it.key, told)
  end
  return told
end

-- own_pending is the first of a buyer's reservations that may still be paid.
local function own_pending(serials)
  for at = 1, #serials, 4 do
    local serial = parse('>I4', serials, at)
    local value = redis.call('HGET', SOLD, int(serial))
    if Owner.payable(value) then
      local fence, number, ends = Owner.read(value)
      local count = 1
      while redis.call('HGET', SOLD, int(serial + count)) == value do count = count + 1 end
      return serial, count, fence, number, ends, Claim.until_us(ends)
    end
  end
end

-- lapse puts back what the buyer had and did not pay in time. It no longer counts for the limit, though no sweep has found it
-- yet.
local function lapse(serials)
  local names, gone = {}, {}
  for at = 1, #serials, 4 do names[#names + 1] = int(parse('>I4', serials, at)) end
  for k, value in ipairs(#names > 0 and redis.call('HMGET', SOLD, unpack(names)) or {}) do
    if Owner.pending(value) and not Owner.payable(value) then gone[#gone + 1] = {tonumber(names[k]), value} end
  end
  table.sort(gone, function(a, b) return a[1] < b[1] end)
  if #gone > 0 then Owner.release('expired', gone) end
end

local function exceeds(it) return L.limit > 0 and #Pend.has(it.buyer) / 4 + it.n > L.limit end

-- over_limit is the answer to a buyer who would have more than the sale's limit, with the buyer's pending claim, if there is
-- one. nil: the buyer is within the limit.
local function over_limit(it)
  if not exceeds(it) then return nil end
  flush()
  lapse(Pend.has(it.buyer))
  if exceeds(it) then return limited(it, own_pending(Pend.has(it.buyer))) end
end

-- in_hand is a free range that has n serials: the one that the buy before was served from, or else the shortest. While LENGTHS
-- is being rebuilt, it may miss one. Without a range it returns unsure: true if there may be one.
local function in_hand(n)
  local hand = Run.hand
  if hand and hand.over - hand.next >= n then return hand end
  Free.let_go()
  local a, b = Free.fit(n)
  if not a and n == 1 then a, b = Free.lowest() end
  if not a then return nil, L.walk ~= 0 end
  return Free.grasp(a, b), true
end

-- none is the answer that there are no such units. If unsure, the caller must ask again.
local function none(it, unsure)
  if unsure then return nil, refuse('INDEXING', 'the index of free ranges is made anew: ask again') end
  return record(it, NONE)
end

-- from_free makes a claim of n free serials in a row, if the doors are open: it.block.
local function from_free(it)
  if Sale.state() ~= 0 then return none(it) end
  local hand, unsure = in_hand(it.n)
  if not hand then return none(it, unsure) end
  local serial, fence, expiry = hand.next, Sale.new_fence(), L.hold > 0 and L.now + L.hold or 0
  hand.next, L.free = serial + it.n, L.free - it.n
  it.block = pack('>I4I4I8I8I8c8', serial, it.n, fence, it.nonce, expiry, it.buyer)
  Pend.add(it.block, 1, serial, it.n, expiry)
  return had(it, serial, it.n, fence, it.nonce, expiry)
end

-- claimed is the answer that a claim which is pending is the buyer's.
local function claimed(it, c) return had(it, c.serial, c.n, c.fence, c.nonce, c.expiry) end

-- before is what can be said of a buy before ledger time has ended anything: the answer that its key got, which stands whatever
-- became of the doors or of the claim; or a refusal.
local function before(it, kept, stop)
  local refused = unfit(it)
  if refused then return nil, refused end
  if kept then return again(it, kept) end
  return nil, barred(it, stop)
end

-- decide_rest decides the buys that have neither an answer nor a refusal yet.
local function decide_rest(list, decide)
  local rest, buyers = {}, {}
  for _, it in ipairs(list) do
    if not it.answer and not it.refusal then
      rest[#rest + 1] = it
      buyers[#rest] = it.buyer
    end
  end
  if #rest == 0 then return end
  Sweep.run(SWEEP)
  if L.limit > 0 then Pend.look(buyers) end
  for _, it in ipairs(rest) do
    local kept = it.key and Run.told[it.key]
    if kept then it.answer = again(it, kept) else it.answer, it.refusal = decide(it) end
  end
  flush()
  Answer.keep_all(WINLOG, Run.wins, Run.winners)
end

-- replies is the answers, one record for each buy, and the texts of the refusals that they count.
local function replies(list)
  local records, texts, numbers = {}, {}, {}
  for k, it in ipairs(list) do
    local why = it.refusal and it.refusal.err
    if why and not numbers[why] then texts[#texts + 1], numbers[why] = why, #texts end
    records[k] = it.answer or record(it, BARRED, numbers[why])
  end
  return {table.concat(records)}, texts
end

-- each decides the buys of a call. decide(it) is an answer, or nil and a refusal. If a call has one buy and the buy is refused,
-- the call is.
local function each(caller, latest, wants, offers, decide)
  local refused, stop = Sale.open(caller)
  if refused then return refused end
  if latest > 0 and L.raw > latest then return refuse('LATE', int(L.raw) .. ' us: nobody waits for this buy any more') end
  local list = read(wants, offers)
  local kept = answers_of(list)
  Run.told, Run.wins, Run.winners = {}, {}, {}
  for _, it in ipairs(list) do it.answer, it.refusal = before(it, kept[it.key], stop) end
  local only = #list == 1 and list[1] or {}
  if only.refusal then return only.refusal end
  decide_rest(list, decide)
  Ledger.commit()
  if only.refusal then return only.refusal end
  local records, texts = replies(list)
  return {Sale.head('-'), records, texts}
end

return {each = each, flush = flush, over_limit = over_limit, from_free = from_free, none = none, claimed = claimed}
