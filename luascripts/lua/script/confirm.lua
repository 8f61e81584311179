-- confirm.lua: pending -> confirmed (row 7), because it is paid. The claim suffices: if it is not settled yet, it is settled here
-- first (row 5). It is for good: a repeat gets the first answer.
-- ARGV  caller, claim (40 bytes)
-- Work    UNITS fields and an event; the list of the claim's lease is copied once.
-- Reply {head, {state: 1 = confirmed, 2 = was cancelled before, 3 = was over before, 4 = was refunded before}}. Errors NOSALE BADSALE BIRTH
-- FOREIGN(gone) REASSERT RECOVERING (history was lost, and ledger time may be behind: ask again).
-- needs: claim era ledger owner sale
-- row: 7 5
-- flags: widens
local refused = Sale.open(ARGV[1])
if refused then return refused end

local c = Claim.read(ARGV[2])
if Era.unsure() and Claim.lives(c) then
  Ledger.commit() -- time passes even if nobody else calls
  return refuse('RECOVERING', 'history was lost: who lived through it has not said yet how late it is')
end
local state, values = Claim.settled(c)
if state == Claim.UNHEARD then return Claim.refuse_unheard(c) end
if state == Claim.PENDING then
  L.pending, L.confirmed = L.pending - c.n, L.confirmed + c.n
  Sale.event('confirmed', c.block)
  local sold = {}
  for k, name in ipairs(Claim.names(c)) do
    sold[2 * k - 1], sold[2 * k] = name, Owner.confirmed(values[k], L.events)
  end
  redis.call('HSET', SOLD, unpack(sold))
  state = Claim.CONFIRMED
end
Ledger.commit(true)
return {Sale.head('-'), {state}}
