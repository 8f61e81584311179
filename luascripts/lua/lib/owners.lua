-- owners.lua is put in front of the scripts that act on one reservation, after the prelude.
-- needs: sweep

local PENDING, CONFIRMED, CANCELLED, EXPIRED, CLAIMED, UNHEARD = 0, 1, 2, 3, 4, 5

-- claim_read reads a claim in its wire form.
local function claim_read(b)
  local serial, n, fence, _, expiry, buyer = struct.unpack('>I4I4I8I8I8c8', b)
  return {serial = serial, n = n, fence = fence, expiry = expiry, buyer = buyer, block = b, id = string.sub(b, 9, 24),
    grave = 'x' .. string.sub(b, 1, 4) .. string.sub(b, 9, 24)}
end

local function names(c)
  local list = {}
  for k = 1, c.n do list[k] = int(c.serial + k - 1) end
  return list
end

-- owners is the values of all of the claim's serials, or nil unless all are this claim's.
local function owners(c)
  local values = redis.call('HMGET', SOLD, unpack(names(c)))
  for k = 1, c.n do
    if not values[k] or string.sub(values[k], 1, 16) ~= c.id then return nil end
  end
  return values
end

-- lease_of is the lease that still has all of the claim.
local function lease_of(c)
  local lease = lease_read(int(c.fence))
  return lease and lease_has(lease, c.serial, c.serial + c.n) and lease
end

-- life says what has become of a claim. Over is over, before a sweep has found it too.
local function life(c)
  local values = owners(c)
  if values then
    if string.sub(values[1], 25, 25) == 'c' then return CONFIRMED, values end
    local ends = struct.unpack('>I8', values[1], 17)
    return ends > 0 and ends <= L.now and EXPIRED or PENDING, values
  end
  if answer_kept(c.grave) then return CANCELLED end
  if c.expiry <= L.now then return EXPIRED end
  if lease_of(c) then return CLAIMED end
  return unheard(c.fence) and UNHEARD or EXPIRED
end

-- lives says that a claim is not paid, cancelled or over, as far as it is known here.
local function lives(c)
  local state = life(c)
  return state == PENDING or state == CLAIMED
end

local function refuse_unheard(c)
  return refuse('REASSERT', int(c.fence) .. ' is not known here yet: its owner must re-assert it first')
end

-- own makes a claim pending. Its units have left where they were.
local function own(c)
  local ends = L.hold > 0 and string.sub(c.block, 25, 32) or NOBODY
  local sold, serials = {}, {}
  L.pending = L.pending + c.n
  sold_by(c.n)
  event('reserved', c.block)
  local value = owner_value(c.id, ends, 'p', L.events, c.buyer)
  for k, name in ipairs(names(c)) do
    sold[2 * k - 1], sold[2 * k] = name, value
    serials[k] = struct.pack('>I4', c.serial + k - 1)
  end
  redis.call('HSET', SOLD, unpack(sold))
  if L.hold > 0 then hold_add(table.concat(serials), c.expiry) end
  if L.limit > 0 then
    redis.call('HSET', BUYERS, c.buyer, (redis.call('HGET', BUYERS, c.buyer) or '') .. table.concat(serials))
  end
end

-- settle_claim is row 5: claimed -> pending by the claim alone, its settle may come later and changes nothing.
local function settle_claim(c)
  local lease, a, b = lease_of(c), c.serial, c.serial + c.n
  local stretch, k = lease_has(lease, a, b)
  cut(stretch.rem, k, a, b)
  L[counter(lease)] = L[counter(lease)] - c.n
  lease_write(lease)
  own(c)
end

-- settled looks at a claim, and settles it if it is still to be settled. Returns its life, and the owners' values.
local function settled(c)
  local state, values = life(c)
  if state ~= CLAIMED then return state, values end
  settle_claim(c)
  return PENDING, owners(c)
end

-- release puts a claim's units back on sale (row 8), unless that is over. Returns its life.
local function release(c)
  local state, values = settled(c)
  if state ~= PENDING then return state end
  local gone = {}
  for k = 1, c.n do gone[k] = {c.serial + k - 1, values[k]} end
  unown('cancelled', gone)
  answer_keep(NOLOG, c.grave, '')
  return CANCELLED
end

-- until_us is when a claim's hold ends by the store's clock.
local function until_us(expiry) return L.hold > 0 and L.raw + expiry - L.now or 0 end
