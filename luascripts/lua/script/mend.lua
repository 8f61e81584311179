-- mend.lua: the hash is written again from the ledger, which is the truth: a hand has deleted it, let it expire, or spoilt it. A
-- total that was raised by hand stays. Fields that are not ours stay, if it is a hash.
-- ARGV  caller
-- Work    five commands.
-- Reply {head}. Errors NOSALE (there is neither) FOREIGN (there is no ledger to write it from).
-- needs: era hash ledger sale
-- row: -
-- flags: -
local h = Hash.read()
if not Ledger.load() then
  if not h then return refuse('NOSALE', HASH .. ' does not exist' .. Era.named()) end
  return refuse('FOREIGN', HASH .. ' has no ledger to be written from')
end
if h and h.wrong and redis.call('TYPE', HASH).ok ~= 'hash' then redis.call('UNLINK', HASH) end
local total = L.total
if h and not h.wrong and h.birth == int(L.birth) then total = math.max(total, h.total) end
redis.call('HSET', HASH, 'ticket_total_nums', int(total), 'ticket_sold_nums', int(L.pending + L.confirmed), 'birth', int(L.birth))
redis.call('PERSIST', HASH)
local refused = Sale.open(ARGV[1]) -- of what it refuses nothing is left
if refused then return refused end
L.gen = L.gen + 1 -- those who look again see that it sells
Ledger.commit()
return {Sale.head('-')}
