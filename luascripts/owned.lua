-- owned.lua: one slice of the serials buyers own, for the audit: each is looked for among the free and the leased.
-- ARGV  caller, cursor, size of the slice
-- Reply {head, {next cursor, pending, confirmed, serials found twice ...}}. Writes nothing.
local refused = open(ARGV[1], true)
if refused then return refused end

local leases = {}
for _, fence in ipairs(redis.call('HKEYS', LEASES)) do leases[#leases + 1] = lease_read(fence) end

local function elsewhere(s)
  local text = redis.call('ZREVRANGEBYSCORE', FREE, int(s), '-inf', 'LIMIT', 0, 1)[1]
  if text then
    local _, b = range(text)
    if s < b then return true end
  end
  for _, lease in ipairs(leases) do
    if holds_range(lease.rem, s, s + 1) then return true end
  end
  return s <= L.prior or s > L.total
end

local scan = redis.call('HSCAN', SOLD, ARGV[2], 'COUNT', ARGV[3])
local tally, twice = {p = 0, c = 0}, {}
for k = 1, #scan[2], 2 do
  local mark = string.sub(scan[2][k + 1], 25, 25)
  tally[mark] = tally[mark] + 1
  if elsewhere(tonumber(scan[2][k])) then twice[#twice + 1] = tonumber(scan[2][k]) end
end
return {head('-'), {tonumber(scan[1]), tally.p, tally.c, unpack(twice)}}
