-- enter.lua: buyers enter the draw, several in one call. Each has one lot, however often it enters.
-- ARGV  caller, buyers (8 bytes each)
-- Work    callers send up to 250 buyers: a hash (SHA-1) and a member in log(entrants) each.
-- Reply {head, {1: they have entered; 0: they have not, because of the doors, which the head has; if these are still drawing,
--       there is no room, or a recovery delays the draw}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN.
-- needs: era ledger lots sale
-- row: -
-- flags: widens
local caller, buyers = ARGV[1], ARGV[2]

local refused, stop = Sale.open(caller)
if refused or stop then return refused or stop end

local entered = 0
if Sale.state() == Lots.DRAWING and (L.raw < Run.lots.draws_at() or not Era.recovering()) and
  redis.call('ZCARD', ENTRANTS) + #buyers / 8 <= ENTER then
  each_part('ZADD', ENTRANTS, Run.lots.members(buyers))
  entered = 1
end
Ledger.commit()
return {Sale.head('-'), {entered}}
