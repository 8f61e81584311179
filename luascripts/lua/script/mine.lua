-- mine.lua: a buyer's reservations that may still be paid, as their tokens have them. Only a sale with a limit per buyer knows
-- which units a buyer has. The script changes nothing. It commits nevertheless: somebody acts on what it tells, and WAIT covers
-- the writes of others only behind a write of its own connection (I5).
-- ARGV  caller, buyer (8 bytes)
-- Work    a field for each unit that the buyer has: at most a sale's limit, 100 units.
-- Reply {head, {claims (40 bytes each), in the order of their serials}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone) NOBUYER UNLISTED (the sale has no limit) RECOVERING (nothing is known of, and
-- history was cut: ask again).
-- needs: era ledger owner sale
-- row: -
-- flags: widens
local refused = Sale.open(ARGV[1])
if refused then return refused end
if L.limit == 0 then return refuse('UNLISTED', 'only a sale with a limit per buyer knows which units a buyer has') end
local buyer = ARGV[2]
if buyer == NOBODY then return refuse('NOBUYER', 'nobody has reservations of its own') end

local has, serials, names, mine = redis.call('HGET', BUYERS, buyer) or '', {}, {}, {}
for at = 1, #has, 4 do serials[#serials + 1] = struct.unpack('>I4', has, at) end
table.sort(serials)
for k, serial in ipairs(serials) do names[k] = int(serial) end
for k, value in ipairs(has == '' and {} or redis.call('HMGET', SOLD, unpack(names))) do
  if Owner.payable(value) then mine[#mine + 1] = {serials[k], value} end
end

Ledger.commit(true)
if #mine == 0 and Era.recovering() then
  return refuse('RECOVERING', 'the history of this sale was cut: what the buyer had may be missing here')
end
return {Sale.head('-'), {Owner.claims_of(mine)}}
