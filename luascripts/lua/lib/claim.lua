-- claim.lua: one reservation, by its claim of 40 bytes: serial u32, count u32; fence u64, nonce u64, expiry u64, as an
-- owner's bytes begin; and the buyer, 8 bytes.
-- needs: answer lease owner pend ranges recovery sale

local PENDING, CONFIRMED, CANCELLED, EXPIRED, REFUNDED, CLAIMED, UNHEARD = 0, 1, 2, 3, 4, 5, 6

-- read reads a claim in its wire form.
local function read(b)
  local serial, n, fence, nonce, expiry, buyer = struct.unpack('>I4I4I8I8I8c8', b)
  return {serial = serial, n = n, fence = fence, nonce = nonce, expiry = expiry, buyer = buyer, block = b, id = string.sub(b, 9, 24),
    grave = 'x' .. string.sub(b, 1, 4) .. string.sub(b, 9, 24)}
end

-- names are the claim's serials, as fields of SOLD.
local function names(c)
  local list = {}
  for k = 1, c.n do list[k] = int(c.serial + k - 1) end
  return list
end

-- owners is the values of all of the claim's serials; nil: not all of them are this claim's.
local function owners(c)
  local values = redis.call('HMGET', SOLD, unpack(names(c)))
  for k = 1, c.n do
    if not values[k] or Owner.id(values[k]) ~= c.id then return nil end
  end
  return values
end

-- lease_of is the lease that still has all of the claim.
local function lease_of(c)
  local lease = Lease.read(int(c.fence))
  return lease and Lease.has(lease, c.serial, c.serial + c.n) and lease
end

-- life is what became of a claim. A hold that is over counts as over before a sweep finds it.
local function life(c)
  local values = owners(c)
  if values then
    if not Owner.pending(values[1]) then return CONFIRMED, values end
    local ends = Owner.ends(values[1])
    return ends > 0 and ends <= L.now and EXPIRED or PENDING, values
  end
  local grave = Answer.kept(c.grave)
  if grave then return grave == '' and CANCELLED or REFUNDED end
  if c.expiry <= L.now then return EXPIRED end
  if lease_of(c) then return CLAIMED end
  return Recovery.unheard(c.fence) and UNHEARD or EXPIRED
end

-- lives says that, as far as is known here, a claim is not paid, cancelled or over.
local function lives(c)
  local state = life(c)
  return state == PENDING or state == CLAIMED
end

local function refuse_unheard(c)
  return refuse('REASSERT', int(c.fence) .. ' is not known here yet: its owner must re-assert it first')
end

-- settle is row 5: claimed -> pending by the claim alone. The edge's settle may come later, and changes nothing.
local function settle(c)
  local lease, a, b = lease_of(c), c.serial, c.serial + c.n
  local stretch, k = Lease.has(lease, a, b)
  Ranges.cut(stretch.rem, k, a, b)
  Lease.add_count(lease, -c.n)
  Lease.write(lease)
  Pend.add(c.block, 1, c.serial, c.n, c.expiry)
  Pend.write()
end

-- settled settles the claim if it is still to be settled. Returns its life, and the owners' values.
local function settled(c)
  local state, values = life(c)
  if state ~= CLAIMED then return state, values end
  settle(c)
  return PENDING, owners(c)
end

-- put_back puts a claim's units back on sale, and keeps in its grave that it did: '' if it was cancelled, the claim's count if it
-- was refunded.
local function put_back(c, values, kind, grave)
  local gone = {}
  for k = 1, c.n do gone[k] = {c.serial + k - 1, values[k]} end
  Owner.release(kind, gone)
  Answer.keep(NOLOG, c.grave, grave)
end

-- release ends a pending claim (row 8). Returns its life.
local function release(c)
  local state, values = settled(c)
  if state ~= PENDING then return state end
  put_back(c, values, 'cancelled', '')
  return CANCELLED
end

-- refund ends a claim, pending or confirmed (row 13). Returns its life.
local function refund(c)
  local state, values = settled(c)
  if state ~= PENDING and state ~= CONFIRMED then return state end
  put_back(c, values, 'refunded', struct.pack('>I4', c.n))
  return REFUNDED
end

-- prolong moves the end of a pending claim's hold to `by` after the first end, if that is later than the end now (row 14). So a
-- repeat changes nothing. The owner knows the first end, the claim may not: it may have been shown again since. Returns the end.
local function prolong(c, values, by)
  local was, over = Owner.ends(values[1]), Owner.first_end(values[1]) + math.min(by, L.hold)
  if L.hold == 0 or over <= was then return was end
  Sale.event('prolonged', string.sub(c.block, 1, 24) .. struct.pack('>I8', over) .. string.sub(c.block, 33))
  local sold = {}
  for k, name in ipairs(names(c)) do
    sold[2 * k - 1], sold[2 * k] = name, Owner.prolonged(values[k], over, L.events)
  end
  redis.call('HSET', SOLD, unpack(sold))
  return over
end

-- until_us is when a claim's hold ends, by the store's clock.
local function until_us(expiry) return L.hold > 0 and L.raw + expiry - L.now or 0 end

return {PENDING = PENDING, CONFIRMED = CONFIRMED, CANCELLED = CANCELLED, EXPIRED = EXPIRED, REFUNDED = REFUNDED,
  CLAIMED = CLAIMED, UNHEARD = UNHEARD, read = read, names = names, life = life, lives = lives, refuse_unheard = refuse_unheard, settled = settled,
  release = release, refund = refund, prolong = prolong, until_us = until_us}
