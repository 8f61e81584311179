-- buy.lua: what a buy of free units (deduct.lua) and the collecting of a drawn one (collect.lua) share: the answer that a key
-- got before, the sale's limit per buyer, and units off the free stock. A buy `it` has n (units), nonce, buyer, and key ('':
-- none).
-- needs: answer claim era free ledger owner sale

local NONE, HAD, LIMIT, USED = 0, 1, 2, 3
local RECORD = '>I4I4I4I4I8I8I8I8' -- n, answer, serial, count, fence, nonce, expiry, until

local function reply(answer, serial, count, fence, number, expiry, till)
  Ledger.commit()
  return {Sale.head('-'), {answer, serial or 0, count or 0, fence or 0, number or 0, expiry or 0, till or 0}}
end

-- out_of_bounds refuses a buy that comes too late, or that asks for too many units.
local function out_of_bounds(it, latest)
  if latest > 0 and L.raw > latest then return refuse('LATE', int(L.raw) .. ' us: nobody waits for this buy any more') end
  if it.n > UNITS then return refuse('TOOMANY', 'one buy has at most ' .. int(UNITS) .. ' units') end
end

-- nobody refuses an anonymous buyer in a sale with a limit per buyer.
local function nobody(it)
  if L.limit > 0 and it.buyer == NOBODY then return refuse('NOBUYER', 'a sale with a limit per buyer must know its buyers') end
end

-- recovering refuses units during a recovery.
local function recovering()
  if Era.recovering() then return refuse('RECOVERING', 'the history of this sale was cut: it grants nothing yet') end
end

-- told is the kept answer of the buy's key, and the id of the claim in it. The answer stands, whatever became of the doors or
-- of the claim.
local function told(it)
  local kept = it.key ~= '' and Answer.kept('k' .. it.key)
  if not kept then return nil end
  local _, _, _, _, fence, number = struct.unpack(RECORD, kept)
  return kept, struct.pack('>I8I8', fence, number)
end

-- again repeats a kept answer.
local function again(it, kept)
  local asked, answer, serial, count, fence, number, expiry, till = struct.unpack(RECORD, kept)
  if asked ~= it.n then return reply(USED) end
  return reply(answer, serial, count, fence, number, expiry, till)
end

-- refused_often says that as many of this buyer's keys as are kept got LIMIT. Its further keys are decided anew. A field l..
-- of ANSWERS counts them.
local function refused_often(buyer)
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

-- answered replies, and keeps the answer for the key.
local function answered(it, answer, serial, count, fence, number, expiry, till)
  if it.key ~= '' and (answer == HAD or not refused_often(it.buyer)) then
    Answer.keep(answer == HAD and WINLOG or NOLOG, 'k' .. it.key,
      struct.pack(RECORD, it.n, answer, serial, count, fence, number, expiry, till))
  end
  return reply(answer, serial, count, fence, number, expiry, till)
end

-- had replies that the claim is the buyer's.
local function had(it, c) return answered(it, HAD, c.serial, c.n, c.fence, c.nonce, c.expiry, Claim.until_us(c.expiry)) end

local function has(it) return redis.call('HGET', BUYERS, it.buyer) or '' end

-- own_pending is the first of a buyer's reservations that may still be paid.
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

-- lapse puts back what the buyer had and did not pay in time. It no longer counts for the limit, though no sweep has found it
-- yet.
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

local function exceeds(it) return L.limit > 0 and #has(it) / 4 + it.n > L.limit end

-- over_limit replies to a buyer who would have more than the sale's limit, with the buyer's pending claim, if there is one.
-- nil: the buyer is within the limit.
local function over_limit(it)
  if not exceeds(it) then return nil end
  lapse(has(it))
  if exceeds(it) then return answered(it, LIMIT, own_pending(has(it))) end
end

-- find is the shortest free range that has n serials. While LENGTHS is being rebuilt, find may miss one.
local function find(n)
  local a, b = Free.fit(n)
  if not a and n == 1 then a, b = Free.lowest() end
  return a, b
end

-- from_free makes a claim of n free serials in a row, if the doors are open. Without a claim it returns unsure: true if there
-- may be such a range.
local function from_free(it)
  if Sale.state() ~= 0 then return nil end
  local a, b = find(it.n)
  if not a then return nil, L.walk ~= 0 end
  if not Free.front(a, b, a + it.n) then return nil, true end
  L.free = L.free - it.n
  local expiry = L.hold > 0 and L.now + L.hold or 0
  local c = Claim.read(struct.pack('>I4I4I8I8I8c8', a, it.n, Sale.new_fence(), it.nonce, expiry, it.buyer))
  Claim.own(c)
  return c
end

-- none replies that there are no such units. If unsure, the caller must ask again.
local function none(unsure)
  if not unsure then return reply(NONE) end
  Ledger.commit()
  return refuse('INDEXING', 'the index of free ranges is made anew: ask again')
end

return {out_of_bounds = out_of_bounds, nobody = nobody, recovering = recovering, told = told, again = again, had = had,
  over_limit = over_limit, from_free = from_free, none = none}
