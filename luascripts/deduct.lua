-- deduct.lua: free -> pending (row 6), the article's fallback: one buy, straight on the hash. Takes n consecutive
-- serials from the free stock, all or none, and counts them as sold in the same script.
-- ARGV  birth, n, nonce, buyer (8 bytes), latest_us (by Redis' clock: later, nobody waits any more; 0 = any time)
-- Reply {head, {serial, fence, expiry (0 = never)}}; the second is empty when there were not n in a row.
-- Errors NOSALE BADSALE BIRTH FOREIGN LATE. A lost reply leaves units pending: they come back when their hold ends,
-- and where there is none they are gone.
local birth, n, nonce, buyer, latest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])

local refused, stop = open(birth)
if refused or stop then return refused or stop end
if latest > 0 and L.raw > latest then return refuse('LATE', 'nobody waits for this buy any more') end
sweep()

local who = buyer == string.rep('\0', 8) and '' or ' ' .. buyer

local function find()
  for _, text in ipairs(redis.call('ZRANGE', FREE, 0, SEARCH - 1)) do
    local a, b = range(text)
    if b - a >= n then return text, a, b end
  end
end

local body = {}
local text, a, b = nil, nil, nil
if state() == 0 then text, a, b = find() end
if text then
  redis.call('ZREM', FREE, text)
  if a + n < b then redis.call('ZADD', FREE, int(a + n), int(a + n) .. '-' .. int(b)) end
  local fence = new_fence()
  local expiry = L.hold > 0 and L.now + L.hold or 0
  for s = a, a + n - 1 do
    redis.call('HSET', SOLD, int(s), int(fence) .. ' ' .. int(nonce) .. ' ' .. int(expiry) .. ' p' .. who)
    if expiry > 0 then redis.call('ZADD', HOLDS, int(expiry), int(s)) end
  end
  L.free, L.pending = L.free - n, L.pending + n
  sold_by(n)
  event('reserved', struct.pack('>I4I4I8I8I8c8', a, n, fence, nonce, expiry, buyer))
  body = {a, fence, expiry}
end
commit()
return {head('-'), body}
