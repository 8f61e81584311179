-- settle.lua: claimed -> pending (row 4). An edge tells what it sold, in batches. Each claim stands or falls by
-- itself and always answers the same, so a batch whose reply was lost is sent again as it was; its number only says
-- how far the instance has come. Its loops run once for every unit ever sold: they are as plain as they are for that.
-- ARGV  birth, instance, node, batch, claims: 40 bytes each, big endian: serial u32, count u32, fence u64, nonce
--       u64, expiry u64 (us of ledger time), buyer 8 bytes
-- Reply {head, {i, verdict, ...}}: the claims (from 0) that do not stand: 1 resolved otherwise, 2 its time was over.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local birth, instance, node, batch, claims = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local SIZE, FORMAT = 40, '>I4I4I8I8I8c8'
local NOBODY = string.rep('\0', 8)
local parse, format = struct.unpack, string.format

local refused = open(birth)
if refused then return refused end

local now, hold = L.now, L.hold
local leases, touched = {}, {}
local verdicts, sold, holds, stand = {}, {}, {}, {}
local limbo, leased = 0, 0

-- told answers for a serial that has an owner: who claims it again is answered as before.
local function told(owner, mine) return string.match(owner, '^%d+ %d+') == mine and 0 or 1 end

-- absent answers for a serial that is not in its lease: the ledger has its owner, or this very batch, or nobody.
local function absent(serial, mine, expiry)
  local name = int(serial)
  local owner = redis.call('HGET', SOLD, name)
  for k = 1, owner and 0 or #sold, 2 do
    if sold[k] == name then owner = sold[k + 1] end
  end
  if owner then return told(owner, mine) end
  return expiry <= now and 2 or 1
end

-- judge is nil for a claim that stands; its serials have then left the lease. What a lease has has no owner (I2), so
-- nobody is looked up for it.
local function judge(first, n, fence, mine, expiry)
  local lease = leases[fence]
  if lease == nil then
    lease = lease_read(int(fence)) or false
    leases[fence] = lease
  end
  local k = lease and holds_range(lease.rem, first, first + n)
  if not k then return absent(first, mine, expiry) end
  if expiry <= now then return 2 end
  cut(lease.rem, k, first, first + n)
  if lease.limbo then limbo = limbo + n else leased = leased + n end
  touched[fence] = lease
end

local function own(first, n, mine, expiry, buyer)
  local ends = hold > 0 and format('%d', expiry) or '0'
  local value = mine .. ' ' .. ends .. ' p'
  if buyer ~= NOBODY then value = value .. ' ' .. buyer end
  for s = first, first + n - 1 do
    local k, name = #sold, format('%d', s)
    sold[k + 1], sold[k + 2] = name, value
    if hold > 0 then holds[k + 1], holds[k + 2] = ends, name end
  end
end

for at = 1, #claims, SIZE do
  local first, n, fence, nonce, expiry, buyer = parse(FORMAT, claims, at)
  local mine = format('%d %d', fence, nonce)
  local verdict = judge(first, n, fence, mine, expiry)
  if not verdict then
    own(first, n, mine, expiry, buyer)
    stand[#stand + 1] = at
  elseif verdict ~= 0 then
    verdicts[#verdicts + 1] = (at - 1) / SIZE
    verdicts[#verdicts + 1] = verdict
  end
end

-- block is the claims that stand, as they came.
local function block()
  if #stand * SIZE == #claims then return claims end
  local parts = {}
  for k, at in ipairs(stand) do parts[k] = string.sub(claims, at, at + SIZE - 1) end
  return table.concat(parts)
end

local me = instance_read(instance)
if batch > me.seq then
  me.node, me.seq = node, batch
  instance_write(me)
end
if #stand > 0 then
  local n = #sold / 2
  each_part('HSET', SOLD, sold)
  if hold > 0 then each_part('ZADD', HOLDS, holds) end
  for _, lease in pairs(touched) do lease_write(lease) end
  L.leased, L.limbo, L.pending = L.leased - leased, L.limbo - limbo, L.pending + n
  sold_by(n)
  event('reserved', block())
end
commit()
return {head(instance), verdicts}
