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

-- What the claims say, by claim.
local serials, counts, fences, nonces, expiries, buyers, names = {}, {}, {}, {}, {}, {}, {}
for at = 1, #claims, SIZE do
  local i = #serials + 1
  serials[i], counts[i], fences[i], nonces[i], expiries[i], buyers[i] = parse(FORMAT, claims, at)
  names[i] = format('%d', serials[i])
end
local owners = #names > 0 and redis.call('HMGET', SOLD, unpack(names)) or {}

local now, hold = L.now, L.hold
local leases, touched = {}, {}
local verdicts, sold, holds, stand = {}, {}, {}, {}
local limbo, leased = 0, 0

local function lease_of(fence)
  if leases[fence] == nil then leases[fence] = lease_read(int(fence)) or false end
  return leases[fence]
end

-- told answers for a serial that has an owner: who claims it again is answered as before.
local function told(owner, mine) return string.match(owner, '^%d+ %d+') == mine and 0 or 1 end

-- absent answers for a serial that is not in its lease, if this very batch has it.
local function absent(name, mine)
  for k = 1, #sold, 2 do
    if sold[k] == name then return told(sold[k + 1], mine) end
  end
  return nil
end

-- judge is 0 for a claim that stands; its serials have then left the lease.
local function judge(i, mine)
  if owners[i] then return told(owners[i], mine) end
  local first, n = serials[i], counts[i]
  local lease = lease_of(fences[i])
  local k = lease and holds_range(lease.rem, first, first + n)
  if not k then
    return absent(names[i], mine) or expiries[i] <= now and 2 or 1
  end
  if expiries[i] <= now then return 2 end
  cut(lease.rem, k, first, first + n)
  if lease.limbo then limbo = limbo + n else leased = leased + n end
  touched[fences[i]] = lease
  stand[#stand + 1] = i
  return 0, true
end

local function own(i, mine)
  local ends = hold > 0 and format('%d', expiries[i]) or '0'
  local value = mine .. ' ' .. ends .. ' p'
  if buyers[i] ~= NOBODY then value = value .. ' ' .. buyers[i] end
  local name = names[i]
  for more = 1, counts[i] do
    local k = #sold
    sold[k + 1], sold[k + 2] = name, value
    if hold > 0 then holds[k + 1], holds[k + 2] = ends, name end
    if more < counts[i] then name = format('%d', serials[i] + more) end
  end
end

for i = 1, #serials do
  local mine = format('%d %d', fences[i], nonces[i])
  local verdict, fresh = judge(i, mine)
  if fresh then
    own(i, mine)
  elseif verdict ~= 0 then
    verdicts[#verdicts + 1] = i - 1
    verdicts[#verdicts + 1] = verdict
  end
end

-- block is the claims that stand, as they came.
local function block()
  if #stand == #serials then return claims end
  local parts = {}
  for k, i in ipairs(stand) do parts[k] = string.sub(claims, (i - 1) * SIZE + 1, i * SIZE) end
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
