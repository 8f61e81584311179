-- settle.lua: claimed -> pending (row 4). An edge tells what it sold, in batches. Each claim stands or falls by
-- itself and always answers the same, so a batch whose reply was lost is sent again as it was; its number only says
-- how far the instance has come.
-- ARGV  birth, instance, node, batch, claims: 40 bytes each, big endian: serial u32, count u32, fence u64, nonce
--       u64, expiry u64 (us of ledger time), buyer 8 bytes
-- Reply {head, {verdict of each claim: 0 pending, 1 resolved otherwise, 2 its time was over}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local birth, instance, node, batch, claims = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local SIZE, FORMAT = 40, '>I4I4I8I8I8c8'
local unpack_claim, format = struct.unpack, string.format

local refused = open(birth)
if refused then return refused end

-- owners is what SOLD has for the first serial of each claim.
local firsts, owners = {}, {}
for at = 1, #claims, SIZE do firsts[#firsts + 1] = unpack_claim('>I4', claims, at) end
for i = 1, #firsts, 2000 do
  local part = redis.call('HMGET', SOLD, unpack(firsts, i, math.min(i + 1999, #firsts)))
  for k = 1, #part do owners[i + k - 1] = part[k] end
end

local leases, touched = {}, {}
local verdicts, sold, holds, fresh = {}, {}, {}, {}
local mine = {} -- serial -> 'fence nonce' of this very batch
local limbo, leased = 0, 0

-- told answers for a claim that the ledger, or this batch, already has.
local function told(serial, owner, want)
  local have = mine[serial] or owner and string.match(owner, '^%d+ %d+')
  return have and (have == want and 0 or 1)
end

-- judge is nil for a claim that stands: its serials have left the lease.
local function judge(serial, n, fence, expiry)
  if expiry <= L.now then return 2 end
  local lease = leases[fence]
  if lease == nil then
    lease = lease_read(int(fence)) or false
    leases[fence] = lease
  end
  local k = lease and holds_range(lease.rem, serial, serial + n)
  if not k then return 1 end
  cut(lease.rem, k, serial, serial + n)
  if lease.limbo then limbo = limbo + n else leased = leased + n end
  touched[fence] = lease
  return nil
end

local function own(serial, n, want, expiry, buyer)
  local ends = L.hold > 0 and int(expiry) or '0'
  local value = want .. ' ' .. ends .. ' p ' .. buyer
  for s = serial, serial + n - 1 do
    mine[s] = want
    local i, name = #sold, int(s)
    sold[i + 1], sold[i + 2] = name, value
    holds[i + 1], holds[i + 2] = ends, name
  end
end

for i = 1, #firsts do
  local at = (i - 1) * SIZE + 1
  local serial, n, fence, nonce, expiry, buyer = unpack_claim(FORMAT, claims, at)
  local want = format('%d %d', fence, nonce)
  local verdict = told(serial, owners[i], want) or judge(serial, n, fence, expiry)
  if verdict == nil then
    own(serial, n, want, expiry, buyer)
    fresh[#fresh + 1] = i
  end
  verdicts[i] = verdict or 0
end

-- block is the claims that stand, as they came.
local function block()
  if #fresh == #firsts then return claims end
  local parts = {}
  for k, i in ipairs(fresh) do parts[k] = string.sub(claims, (i - 1) * SIZE + 1, i * SIZE) end
  return table.concat(parts)
end

local me = instance_read(instance)
if batch > me.seq then
  me.node, me.seq = node, batch
  instance_write(me)
end
if #fresh > 0 then
  local n = #sold / 2
  each_part('HSET', SOLD, sold)
  if L.hold > 0 then each_part('ZADD', HOLDS, holds) end
  for _, lease in pairs(touched) do lease_write(lease) end
  L.leased, L.limbo, L.pending = L.leased - leased, L.limbo - limbo, L.pending + n
  sold_by(n)
  event('reserved', block())
end
commit()
return {head(instance), verdicts}
