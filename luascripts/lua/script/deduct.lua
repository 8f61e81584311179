-- deduct.lua: free -> pending (row 6), the article's fallback: one buy, straight on the hash. Takes n consecutive serials
-- from the free stock, all or none, or else the claim offered: one from a lease that nobody has been told of. The sale's
-- limit, the idempotency key and the deduction are this one script: none without the others. Or it collects what a buyer
-- has drawn: the unit kept for it, or the one it has collected before.
-- ARGV  caller, n, nonce, buyer (8 bytes), latest_us (by Redis' clock: later, nobody waits any more; 0 = any time),
--       key (16 bytes, '' = none), offered claim (40 bytes, '' = none), 1: by lot, or not at all (had again
--       by who has collected it, while it is pending and without a key), 2: the same, whatever has become of it
-- Reply {head, {answer, serial, count, fence, nonce, expiry (0 = never), end of the hold (us, by TIME)}}
--       answer 0 none had; 1 had; 2 over the limit, with the buyer's own pending claim, if any; 3 the key was used for
--       another n. A key that had 1 or 2 hears the same again, for the hold and KEEP; of a buyer's that had 2 the first REFUSED.
-- Errors NOSALE BADSALE BIRTH FOREIGN TOOMANY NOBUYER LATE (with the time by Redis' clock) RECOVERING REASSERT
-- (the offer's lease may be lost history) INDEXING (nothing was decided: ask again). A lost reply leaves units
-- pending: they come back when their hold ends, and where there is none only a key finds them again.
-- Work    a sweep; UNITS fields and events of what is bought, of what the buyer loses that was not paid in time and of what it
--         is shown: a buyer has at most a sale's limit, 100 units. Free ranges are found by their length, in log(ranges).
-- needs: answer claim era free ledger lots owner sale sweep
-- row: 6
-- flags: widens
local caller, n, nonce, buyer, latest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local key, offer = ARGV[6], ARGV[7] ~= '' and Claim.read(ARGV[7])
local by_lot, ever = ARGV[8] ~= nil, ARGV[8] == '2'
local NONE, HAD, LIMIT, USED, UNSURE = 0, 1, 2, 3, 4
local RECORD = '>I4I4I4I4I8I8I8I8' -- n, answer, serial, count, fence, nonce, expiry, until

local refused, stop = Sale.open(caller)
if refused then return refused end
if latest > 0 and L.raw > latest then return refuse('LATE', int(L.raw) .. ' us: nobody waits for this buy any more') end
if n > UNITS then return refuse('TOOMANY', 'one buy has at most ' .. int(UNITS) .. ' units') end

local function reply(answer, serial, count, fence, number, expiry, till)
  Ledger.commit()
  return {Sale.head('-'), {answer, serial or 0, count or 0, fence or 0, number or 0, expiry or 0, till or 0}}
end

if offer and Claim.life(offer) == Claim.UNHEARD then return Claim.refuse_unheard(offer) end

-- What a key was told stands, whatever the doors and other hands do. An offer is not needed then: it goes free, unless it
-- is what the key was told.
local told = key ~= '' and Answer.kept('k' .. key)
if told then
  local asked, answer, serial, count, fence, number, expiry, till = struct.unpack(RECORD, told)
  if offer and offer.id ~= struct.pack('>I8I8', fence, number) then Claim.release(offer) end
  if asked ~= n then return reply(USED) end
  return reply(answer, serial, count, fence, number, expiry, till)
end
if stop then return stop end
if L.limit > 0 and buyer == NOBODY then return refuse('NOBUYER', 'a sale with a limit per buyer must know its buyers') end
if not offer and Era.recovering() then return refuse('RECOVERING', 'the history of this sale was cut: it grants nothing yet') end
Sweep.run(SWEEP)

-- refused_often says that this buyer has been told as often as is remembered that it is over its limit: its further keys are
-- asked about anew. A field l.. of ANSWERS counts.
local function refused_often()
  local field = 'l' .. buyer
  local kept = Answer.kept(field)
  if not kept then
    Answer.keep(NOLOG, field, struct.pack('>I4', 1))
    return false
  end
  local count = struct.unpack('>I4', kept)
  if count >= REFUSED then return true end
  Answer.change(field, struct.pack('>I4', count + 1))
  return false
end

local function answered(answer, serial, count, fence, number, expiry, till)
  if key ~= '' and (answer == HAD or not refused_often()) then
    Answer.keep(answer == HAD and WINLOG or NOLOG, 'k' .. key,
      struct.pack(RECORD, n, answer, serial, count, fence, number, expiry, till))
  end
  return reply(answer, serial, count, fence, number, expiry, till)
end

local function told_of(c)
  return answered(HAD, c.serial, c.n, c.fence, c.nonce, c.expiry, Claim.until_us(c.expiry))
end

-- own_pending is the first reservation among a buyer's serials that may still be paid.
local function own_pending(serials)
  for at = 1, #serials, 4 do
    local serial = struct.unpack('>I4', serials, at)
    local value = redis.call('HGET', SOLD, int(serial))
    local fence, number, ends = Owner.read(value)
    if Owner.pending(value) and (ends == 0 or ends > L.now) then
      local count = 1
      while redis.call('HGET', SOLD, int(serial + count)) == value do count = count + 1 end
      return serial, count, fence, number, ends, Claim.until_us(ends)
    end
  end
  return 0, 0, 0, 0, 0, 0
end

local function has() return redis.call('HGET', BUYERS, buyer) or '' end

local function over_limit() return L.limit > 0 and #has() / 4 + n > L.limit end

-- lapse puts back what the buyer had and did not pay in time: it counts no more, though no sweep has found it yet.
local function lapse(serials)
  local gone = {}
  for at = 1, #serials, 4 do
    local serial = struct.unpack('>I4', serials, at)
    local value = redis.call('HGET', SOLD, int(serial))
    local ends = Owner.ends(value)
    if Owner.pending(value) and ends > 0 and ends <= L.now then gone[#gone + 1] = {serial, value} end
  end
  table.sort(gone, function(a, b) return a[1] < b[1] end)
  if #gone > 0 then Owner.release('expired', gone) end
end

if by_lot then
  local collected = redis.call('HGET', LOTS, buyer)
  if collected then
    local its = Claim.read(collected)
    if ever or key == '' and Claim.life(its) == Claim.PENDING then return told_of(its) end
    return reply(NONE) -- as for anybody else
  end
  if n ~= 1 or Lots.withheld() == 0 or not Run.lots.won(buyer) then return reply(NONE) end
end

if over_limit() then
  lapse(has())
  if over_limit() then return answered(LIMIT, own_pending(has())) end
end

-- find is where n are free in a row: the shortest such range. While LENGTHS is made anew it may not know of one.
local function find()
  local a, b = Free.fit(n)
  if not a and n == 1 then a, b = Free.lowest() end
  return a, b
end

-- from_free makes a claim of n free serials, or nothing. UNSURE: there may be so many in a row.
local function from_free()
  if Sale.state() ~= 0 or not by_lot and L.free - Lots.withheld() < n then return nil end
  local a, b = find()
  if not a then return L.walk ~= 0 and UNSURE or nil end
  if not Free.front(a, b, a + n) then return UNSURE end
  L.free = L.free - n
  local expiry = L.hold > 0 and L.now + L.hold or 0
  local its = Claim.read(struct.pack('>I4I4I8I8I8c8', a, n, Sale.new_fence(), nonce, expiry, buyer))
  Claim.own(its)
  return its
end

local c
if not offer then
  c = from_free()
  if c == UNSURE then
    Ledger.commit()
    return refuse('INDEXING', 'the index of free ranges is made anew: ask again')
  end
elseif Claim.settled(offer) == Claim.PENDING then
  c = offer
end
if not c then return reply(NONE) end
if by_lot then
  Run.lots.kept = Run.lots.kept - 1
  redis.call('HSET', LOTS, buyer, c.block)
end
return told_of(c)
