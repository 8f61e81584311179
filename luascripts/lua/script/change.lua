-- change.lua: the operator adds stock (row 12, once per request id) and moves the doors.
-- ARGV  caller, request, units to add, state ('' = as it is; open, paused or closed)
-- Work    one range more; the doors are a field.
-- Reply {head}. Errors NOSALE BADSALE FOREIGN CLOSED (a closed sale stays closed) TOOMANY.
-- needs: era free ledger sale
-- row: 12
-- flags: widens
local caller, request, add, to = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local refused, stop = Sale.open(caller)
if refused then return refused end
if stop and add > 0 then return stop end -- the doors of a sale that a hand has spoilt can still be shut
local done = 'add:' .. request
local wanted = add > 0 and redis.call('HEXISTS', LEDGER, done) == 0
if wanted and L.total + add > MOST then return refuse('TOOMANY', 'a sale has at most ' .. int(MOST) .. ' units') end
local opens = to ~= '' and to ~= 'closed'
if (wanted or opens) and L.state == 'closed' then return refuse('CLOSED', 'the sale is closed') end
if wanted then
  redis.call('HSET', LEDGER, done, int(add))
  redis.call('HINCRBY', HASH, 'ticket_total_nums', int(add))
  Free.add(L.total + 1, L.total + add + 1)
  L.total, L.free, L.gen = L.total + add, L.free + add, L.gen + 1
end
if Run.lots and L.state == 'paused' and opens then -- nobody could collect
  Run.lots.ends = math.max(Run.lots.ends, L.now + Era.covered())
end
if to ~= '' then L.state = to end
Ledger.commit(true)
return {Sale.head('-')}
