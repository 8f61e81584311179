-- buy.lua: what buys of free units (deduct.lua) and the collecting of drawn ones (collect.lua) share. One call decides several
-- buys, in order, each by itself: a refused buy refuses no other. Limit, idempotency key and units of a buy are one script.
-- Run.buys has the buys by columns, of which each has one value a buy: n (units), nonce, buyer, key (its field of ANSWERS; none or
-- false: no key), offer (a claim; nil: none), answer (nil: not yet; false: refused) and refusal. A buy `it` is one row of them, and
-- its place k. Most buys are plain, and sell() serves them without making a row: its loop runs once for every buyer, so it is
-- simple.
-- needs: answer claim era free ledger owner pend sale sweep

local NONE, HAD, LIMIT, USED, BARRED = 0, 1, 2, 3, 4
local WANT = 20 -- bytes of a buy without its key
local OFFER = '>I4c40' -- which buy it is of, from 1; a claim
-- An answer as ANSWERS has it: its end there (0: it is not kept); n, answer, serial, count, fence, nonce, expiry, until.
local RECORD = '>I8I4I4I4I4I8I8I8I8'
local BYTE = {} -- 0 to 255 as one byte
for byte = 0, 255 do BYTE[byte] = string.char(byte) end
local NOKEY = string.rep('\0', 17)
local ONE, GRANTED = struct.pack('>I4', 1), struct.pack('>I4', HAD)

local pack, parse, sub = struct.pack, struct.unpack, string.sub
local put, bought = Pend.put, Pend.bought

local function record(it, answer, serial, count, fence, number, expiry, till)
  return pack(RECORD, 0, it.n, answer, serial or 0, count or 0, fence or 0, number or 0, expiry or 0, till or 0)
end

-- column reads a value of each buy, one after the other.
local function column(one, count, bytes, from) return {parse('>' .. string.rep(one, count), bytes, from)} end

-- read reads the buys of a call, and their offers.
local function read(wants, keys, offers)
  local count, at = #wants / WANT, 1
  local buys = {count = count, n = column('I4', count, wants, 1), nonce = column('c8', count, wants, 4 * count + 1),
    buyer = column('c8', count, wants, 12 * count + 1), key = keys ~= '' and column('c17', count, keys, 1) or {},
    keyed = keys ~= '', unkeyed = string.find(keys, NOKEY, 1, true), offer = {}, offered = offers ~= '', answer = {},
    refusal = {}}
  while at <= #offers do
    local k, claim
    k, claim, at = parse(OFFER, offers, at)
    buys.offer[k] = Claim.read(claim)
  end
  return buys
end

-- row is one of the buys.
local function row(buys, k)
  return {k = k, n = buys.n[k], nonce = buys.nonce[k], buyer = buys.buyer[k], key = buys.key[k], offer = buys.offer[k]}
end

-- answers_of is the answers that are kept for the buys' keys, by key.
local function answers_of(buys)
  if not buys.keyed then return {} end
  local keys = buys.key
  local kept = Answer.kept_all(keys, buys.count)
  for k = 1, buys.unkeyed and buys.count or 0 do
    if keys[k] == NOKEY then keys[k] = false end
  end
  return kept
end

-- flush writes what the buys so far have changed. Code that looks at units, or frees some, comes behind it.
local function flush()
  Free.let_go()
  Pend.write()
end

-- again repeats the kept answer of a buy's key. If the buy has an offer, the offer is not needed. It goes free, unless it is the
-- claim in the answer.
local function again(it, kept)
  local _, asked, _, _, _, fence, number = parse(RECORD, kept)
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

-- note keeps the answers that claims are the buyers', from place k to `last`: for the keys, and for the buyers if they count for a
-- limit.
local function note(buys, k, last)
  local wins, winners, keys, answers, limit = Run.wins, Run.winners, buys.key, buys.answer, L.limit
  local at, count = #wins, #winners
  for place = k, last do
    local key = keys[place]
    if key then
      wins[at + 1], wins[at + 2], winners[count + 1] = key, answers[place], key
      at, count = at + 2, count + 1
    end
    if limit > 0 then
      count = count + 1
      winners[count] = 'b' .. buys.buyer[place]
    end
  end
end

-- limited is the answer that the buyer has as many as the sale allows, and its pending claim. It is kept for the key, unless
-- many are.
local function limited(it, ...)
  local told = record(it, LIMIT, ...)
  if it.key and not refused_often(it.buyer) then
    Run.told[it.key] = told
    Answer.keep(NOLOG, it.key, sub(told, 9))
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

local function exceeds(it)
  local limit = L.limit
  return limit > 0 and #Pend.has(it.buyer) / 4 + it.n > limit
end

-- over_limit is the answer to a buyer who would have more than the sale's limit, with the buyer's pending claim, if there is
-- one. nil: the buyer is within the limit.
local function over_limit(it)
  if not exceeds(it) then return nil end
  flush()
  lapse(Pend.has(it.buyer))
  if exceeds(it) then return limited(it, own_pending(Pend.has(it.buyer))) end
end

-- in_hand takes a free range that has n serials in hand, the shortest one. While LENGTHS is being rebuilt, it may miss one.
-- Without a range it returns unsure: true if there may be one.
local function in_hand(n)
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

-- bind notes until when what this run sells is held; and as bytes, that, until when by TIME, and until when answers are kept.
local function bind()
  local ends = L.hold > 0 and L.now + L.hold or 0
  Run.term = {ends, pack('>I8', ends), pack('>I8', Claim.until_us(ends)), Answer.ends()}
  return Run.term
end

-- fence_bytes is a fence's bytes but the last.
local function fence_bytes(fence) return sub(pack('>I8', fence), 1, 7) end

-- sell serves the plain buys from place k to `last`, up to the first that is not plain, from the range in hand: up to `spare`
-- units. A buy is plain if nothing was decided of it, its key was not told an answer in this call, and its buyer is within the
-- limit. Returns the place of the buy that it did not serve.
local function sell(buys, k, last, spare)
  local hand, term, p = Run.hand, Run.term or bind(), Pend.gathered()
  local ns, nonces, buyers, keys, answers = buys.n, buys.nonce, buys.buyer, buys.key, buys.answer
  local told, has, most, expiry, ends, until_bytes, kept = Run.told, Run.has, 4 * L.limit, term[1], term[2], term[3], term[4]
  local from, serial, over, fence = k, hand.next, math.min(hand.over, hand.next + spare), math.max(L.fence, L.raw - 1)
  local high = fence_bytes(fence)
  while k <= last do
    local n, buyer, key, held = ns[k], buyers[k], keys[k], most > 0 and has[buyers[k]]
    if serial + n > over or answers[k] ~= nil or told[key] or
      most > 0 and (not held or #held + 4 * n > most) then break end
    fence = fence + 1
    if fence % 256 == 0 then high = fence_bytes(fence) end
    local first, size, says = pack('>I4', serial), n == 1 and ONE or pack('>I4', n), high .. BYTE[fence % 256] .. nonces[k] .. ends
    local answer = kept .. size .. GRANTED .. first .. size .. says .. until_bytes
    put(p, first .. size .. says .. buyer, serial, n, says, expiry, buyer)
    if held then has[buyer] = bought(p, buyer, held, first, serial, n) end
    if key then told[key] = answer end
    answers[k], serial, k = answer, serial + n, k + 1
  end
  if k == from then return k end
  note(buys, from, k - 1)
  L.free, L.fence, hand.next = L.free - (serial - hand.next), fence, serial
  return k
end

-- from_free makes a claim of n free serials in a row, if the doors are open. Beside the answer it returns the claim.
local function from_free(it)
  local n, hand, unsure = it.n, Run.hand, nil
  if not hand or hand.over - hand.next < n then
    if Sale.state() ~= 0 then return none(it) end
    hand, unsure = in_hand(n)
    if not hand then return none(it, unsure) end
  end
  sell(Run.buys, it.k, it.k, n)
  return Run.buys.answer[it.k], nil, Pend.newest()
end

-- claimed is the answer that a claim which is pending is the buyer's.
local function claimed(it, c)
  local told = Answer.ends() .. sub(record(it, HAD, c.serial, c.n, c.fence, c.nonce, c.expiry, Claim.until_us(c.expiry)), 9)
  if it.key then Run.told[it.key] = told end
  Run.buys.answer[it.k] = told
  note(Run.buys, it.k, it.k)
  return told
end

-- before is what can be said of a buy before ledger time has ended anything: the answer that its key got, which stands whatever
-- became of the doors or of the claim; or a refusal.
local function before(it, kept, stop)
  local refused = unfit(it)
  if refused then return nil, refused end
  if kept then return again(it, kept) end
  return nil, barred(it, stop)
end

-- decided notes an answer or a refusal, if there is one.
local function decided(buys, k, answer, refusal)
  if refusal then answer = false end
  buys.answer[k], buys.refusal[k] = answer, refusal
end

-- before_all is before for those of the buys of which anything can be said.
local function before_all(buys, kept, stop)
  local all = stop or Era.recovering() or buys.offered
  local ns, buyers, keys, known = buys.n, buys.buyer, buys.key, L.limit > 0
  for k = 1, buys.count do
    local answer = kept[keys[k]]
    if answer or all or ns[k] > UNITS or known and buyers[k] == NOBODY then
      decided(buys, k, before(row(buys, k), answer, stop))
    end
  end
end

-- decide_rest decides the buys that have neither an answer nor a refusal yet. spare is how many units sell() may sell.
local function decide_rest(buys, decide, spare)
  local answers, k = buys.answer, 1
  while answers[k] ~= nil do k = k + 1 end
  if k > buys.count then return end
  Sweep.run(SWEEP)
  if L.limit > 0 then Pend.look(buys.buyer, buys.count) end
  while k <= buys.count do
    if answers[k] == nil then
      local it = row(buys, k)
      local kept = Run.told[it.key]
      if kept then answers[k] = again(it, kept) else decided(buys, k, decide(it)) end
    end
    k = k + 1
    if Run.hand and not buys.offered then k = sell(buys, k, buys.count, spare()) end
  end
  flush()
  Answer.keep_all(WINLOG, Run.wins, Run.winners)
end

-- replies is the answers, one record for each buy, and the texts of the refusals that they count.
local function replies(buys)
  local texts, numbers, answers = {}, {}, buys.answer
  for k, refusal in pairs(buys.refusal) do
    local why = refusal.err
    if not numbers[why] then texts[#texts + 1], numbers[why] = why, #texts end
    answers[k] = record(row(buys, k), BARRED, numbers[why])
  end
  return {table.concat(answers, '', 1, buys.count)}, texts
end

-- each decides the buys of a call. decide(it) is an answer, or nil and a refusal. spare() is how many free units anybody may have.
-- If a call has one buy and the buy is refused, the call is.
local function each(argv, offers, decide, spare)
  local refused, stop = Sale.open(argv[1])
  if refused then return refused end
  local latest = tonumber(argv[2])
  if latest > 0 and L.raw > latest then return refuse('LATE', int(L.raw) .. ' us: nobody waits for this buy any more') end
  local buys = read(argv[3], argv[4], offers)
  Run.buys, Run.told, Run.wins, Run.winners = buys, {}, {}, {}
  before_all(buys, answers_of(buys), stop)
  local alone = buys.count == 1
  if alone and buys.refusal[1] then return buys.refusal[1] end
  decide_rest(buys, decide, spare)
  Ledger.commit()
  if alone and buys.refusal[1] then return buys.refusal[1] end
  local records, texts = replies(buys)
  return {Sale.head('-'), records, texts}
end

return {each = each, flush = flush, over_limit = over_limit, from_free = from_free, none = none, claimed = claimed}
