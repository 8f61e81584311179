-- trim.lua: drops what every group of the orders' stream has acknowledged, and nothing while there is no group. It forgets silent
-- consumers that have nothing in hand.
-- ARGV  caller ('' = any), how long silent (ms)
-- Work    at most 1,000 events dropped, each as long as a batch of claims; every group and every consumer is looked at.
-- Reply {head, {events dropped}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: sale stream
-- row: -
-- flags: -
local refused = Sale.open(ARGV[1], true)
if refused then return refused end

local function before(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if am ~= bm then return tonumber(am) < tonumber(bm) end
  return tonumber(as) < tonumber(bs)
end

local floor
for _, group in ipairs(Stream.groups()) do
  local needs = group.oldest or group.last
  if not floor or before(needs, floor) then floor = needs end
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', ORDERS, group.name)) do
    local consumer = Stream.pairs_of(flat)
    if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', ORDERS, group.name, consumer.name)
    end
  end
end
return {Sale.head('-'), {floor and redis.call('XTRIM', ORDERS, 'MINID', '~', floor, 'LIMIT', 1000) or 0}}
