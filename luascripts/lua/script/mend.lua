-- mend.lua: writes the hash again from the ledger, which is the truth, after a hand has deleted it, let it expire, or spoilt it.
-- A total that was raised by hand stays. If the key has a hash, its other fields stay, too.
-- ARGV  caller
-- Work    five commands.
-- Reply {head}. Errors NOSALE (there is neither) FOREIGN (there is no ledger to write it from) BADSALE (its layout is another).
-- needs: era hash ledger sale
-- row: -
-- flags: -
local h = Hash.read()
local known, unread = Ledger.load()
if unread then return unread end
if not known then
  if not h then return refuse('NOSALE', HASH .. ' does not exist' .. Era.named()) end
  return refuse('FOREIGN', HASH .. ' has no ledger to be written from')
end
if h and h.other then redis.call('UNLINK', HASH) end
local total = L.total
if h and not Hash.parse(h).wrong and h.birth == int(L.birth) then total = math.max(total, h.total) end
redis.call('HSET', HASH, 'ticket_total_nums', int(total), 'ticket_sold_nums', int(L.pending + L.confirmed), 'birth', int(L.birth))
redis.call('PERSIST', HASH)
local refused = Sale.open(ARGV[1]) -- the reasons to refuse are mended by now
if refused then return refused end
L.gen = L.gen + 1 -- listeners look again, and see that it sells
Ledger.commit()
return {Sale.head('-')}
