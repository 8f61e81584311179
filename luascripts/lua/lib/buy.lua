-- buy.lua: what is the same of every buy, of free units (deduct.lua) and of a drawn one (collect.lua): what its key was told, the
-- sale's limit per buyer, units off the free stock. A buy `it` has n (units), nonce, buyer, and key ('': none).
-- needs: answer claim era free ledger owner sale

local NONE, HAD, LIMIT, USED = 0, 1, 2, 3
local RECORD = '>I4I4I4I4I8I8I8I8' -- n, answer, serial, count, fence, nonce, expiry, until

local function reply(answer, serial, count, fence, number, expiry, till)
  Ledger.commit()
  return {Sale.head('-'), {answer, serial or 0, count or 0, fence or 0, number or 0, expiry or 0, till or 0}}
end

-- out_of_bounds refuses what comes too late, or asks for too much.
local function out_of_bounds(it, latest)
  if latest > 0 and L.raw > latest then return refuse('LATE', int(L.raw) .. ' us: nobody waits for this buy any more') end
  if it.n > UNITS then return refuse('TOOMANY', 'one buy has at most ' .. int(UNITS) .. ' units') end
end

-- nobody refuses who must say who it is, where a limit per buyer is to be kept.
local function nobody(it)
  if L.limit > 0 and it.buyer == NOBODY then return refuse('NOBUYER', 'a sale with a limit per buyer must know its buyers') end
end

-- recovering refuses units while a new era grants none.
local function recovering()
  if Era.recovering() then return refuse('RECOVERING', 'the history of this sale was cut: it grants nothing yet') end
end

-- told is what the buy's key was told, and the id of the claim in it. It stands, whatever the doors and other hands do.
local function told(it)
  local kept = it.key ~= '' and Answer.kept('k' .. it.key)
  if not kept then return nil end
  local _, _, _, _, fence, number = struct.unpack(RECORD, kept)
  return kept, struct.pack('>I8I8', fence, number)
end

-- again says what was told.
local function again(it, kept)
  local asked, answer, serial, count, fence, number, expiry, till = struct.unpack(RECORD, kept)
  if asked ~= it.n then return reply(USED) end
  return reply(answer, serial, count, fence, number, expiry, till)
end

-- refused_often says that this buyer has been told as often as is remembered that it is over its limit: its further keys are
-- asked about anew. A field l.. of ANSWERS counts.
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

-- answered says it, and keeps it for the key.
local function answered(it, answer, serial, count, fence, number, expiry, till)
  if it.key ~= '' and (answer == HAD or not refused_often(it.buyer)) then
    Answer.keep(answer == HAD and WINLOG or NOLOG, 'k' .. it.key,
      struct.pack(RECORD, it.n, answer, serial, count, fence, number, expiry, till))
  end
  return reply(answer, serial, count, fence, number, expiry, till)
end

-- had says that the claim is the buyer's.
local function had(it, c) return answered(it, HAD, c.serial, c.n, c.fence, c.nonce, c.expiry, Claim.until_us(c.expiry)) end

local function has(it) return redis.call('HGET', BUYERS, it.buyer) or '' end

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

local function exceeds(it) return L.limit > 0 and #has(it) / 4 + it.n > L.limit end

-- over_limit is the answer for a buyer who would have more than the sale's limit, with its own pending claim, if any; else nil.
local function over_limit(it)
  if not exceeds(it) then return nil end
  lapse(has(it))
  if exceeds(it) then return answered(it, LIMIT, own_pending(has(it))) end
end

-- find is where n are free in a row: the shortest such range. While LENGTHS is made anew it may not know of one.
local function find(n)
  local a, b = Free.fit(n)
  if not a and n == 1 then a, b = Free.lowest() end
  return a, b
end

-- from_free makes a claim of n free serials, if the doors are open. Or it makes none; unsure: there may be so many in a row.
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

-- none says that there is nothing to be had; unsure: that it must be asked again.
local function none(unsure)
  if not unsure then return reply(NONE) end
  Ledger.commit()
  return refuse('INDEXING', 'the index of free ranges is made anew: ask again')
end

return {out_of_bounds = out_of_bounds, nobody = nobody, recovering = recovering, told = told, again = again, had = had,
  over_limit = over_limit, from_free = from_free, none = none}
