-- settle.lua: claimed -> pending (row 4). An edge tells what it sold, in batches. Each claim stands or falls by
-- itself and always answers the same, so a batch whose reply was lost is sent again as it was; its number only says
-- how far the instance has come.
-- ARGV  birth, instance, node, batch, claims: 40 bytes each, big endian: serial u32, count u32, fence u64, nonce
--       u64, expiry u64 (us of ledger time), buyer 8 bytes
-- Reply {head, {verdict of each claim: 0 pending, 1 resolved otherwise, 2 its time was over}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local birth, instance, node, batch, claims = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local SIZE, FORMAT = 40, '>I4I4I8I8I8c8'

local refused = open(birth)
if refused then return refused end

local function zone(text) return string.match(text, '^%d+ %d+') end

local leases, touched = {}, {}
local verdicts, sold, holds, fresh = {}, {}, {}, {}
local mine = {} -- serial -> 'fence nonce' of this very batch

-- told answers for a claim that the ledger, or this batch, already has.
local function told(serial, want)
  local have = mine[serial]
  if not have then
    local text = redis.call('HGET', SOLD, serial)
    have = text and zone(text)
  end
  return have and (have == want and 0 or 1)
end

local function judge(serial, n, fence, want, expiry)
  local known = told(int(serial), want)
  if known then return known end
  if expiry <= L.now then return 2 end
  if leases[fence] == nil then leases[fence] = lease_read(fence) or false end
  local lease = leases[fence]
  local k = lease and holds_range(lease.rem, serial, serial + n)
  if not k then return 1 end
  cut(lease.rem, k, serial, serial + n)
  L[counter(lease)] = L[counter(lease)] - n
  touched[fence] = lease
  return nil
end

for at = 1, #claims, SIZE do
  local serial, n, fence, nonce, expiry, buyer = struct.unpack(FORMAT, claims, at)
  local want = int(fence) .. ' ' .. int(nonce)
  local verdict = judge(serial, n, int(fence), want, expiry)
  if verdict == nil then
    verdict = 0
    local until_us = L.hold > 0 and int(expiry) or '0'
    for s = serial, serial + n - 1 do
      local name = int(s)
      mine[name] = want
      sold[#sold + 1] = name
      sold[#sold + 1] = want .. ' ' .. until_us .. ' p ' .. buyer
      holds[#holds + 1] = until_us
      holds[#holds + 1] = name
    end
    fresh[#fresh + 1] = string.sub(claims, at, at + SIZE - 1)
  end
  verdicts[#verdicts + 1] = verdict
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
  L.pending = L.pending + n
  sold_by(n)
  event('reserved', table.concat(fresh))
end
commit()
return {head(instance), verdicts}
