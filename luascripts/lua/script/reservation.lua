-- reservation.lua: what became of a claim, and whether the order workers have stored it. Writes nothing.
-- ARGV  caller, claim (40 bytes), the order workers' group
-- Work    UNITS fields, and the work of lag.lua.
-- Reply {head, {state: 0 pending, 1 confirmed, 2 cancelled, 3 expired, 4 refunded; end of the hold (us, by TIME), stored 0 or 1}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone) REASSERT RECOVERING
-- (it is over here, and replicas are missing).
-- needs: claim owner sale stream
-- row: -
-- flags: no-writes
local refused = Sale.open(ARGV[1], true)
if refused then return refused end

local c = Claim.read(ARGV[2])
local state, values = Claim.life(c)
if state == Claim.UNHEARD then return Claim.refuse_unheard(c) end
-- The missing replicas may have another primary by now.
if (state == Claim.CANCELLED or state == Claim.EXPIRED or state == Claim.REFUNDED) and Run.replicas < L.replicas then
  return refuse('RECOVERING', 'replicas are missing: another server may know of it')
end
local ends = values and Owner.ends(values[1]) or c.expiry

-- stored: if the claim has no owner any more, its event is unknown, so it is stored only when all events are.
local function stored()
  local group = Stream.group(ARGV[3])
  if state == Claim.CLAIMED or not group then return 0 end
  local number = values and Owner.number(values[1]) or L.events
  local needed = Stream.event_needed(group)
  return (not needed or number < needed.number) and 1 or 0
end

return {Sale.head('-'), {state == Claim.CLAIMED and Claim.PENDING or state, Claim.until_us(ends), stored()}}
