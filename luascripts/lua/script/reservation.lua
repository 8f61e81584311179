-- reservation.lua: what has become of a claim, and whether the order workers have stored it. Writes nothing.
-- ARGV  caller, claim (40 bytes), the order workers' group
-- Work    UNITS fields; what lag.lua looks at.
-- Reply {head, {state: 0 pending, 1 confirmed, 2 cancelled, 3 expired; end of the hold (us, by TIME), stored 0 or 1}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone) REASSERT RECOVERING
-- (it is over here, and replicas are missing).
-- needs: owners stream
-- row: -
-- flags: no-writes
local refused = open(ARGV[1], true)
if refused then return refused end

local c = claim_read(ARGV[2])
local state, values = life(c)
if state == UNHEARD then return refuse_unheard(c) end
if (state == CANCELLED or state == EXPIRED) and replicas_here < L.replicas then -- this server may be the one that was left
  return refuse('RECOVERING', 'replicas are missing: another server may know of it')
end
local ends = values and struct.unpack('>I8', values[1], 17) or c.expiry

-- stored: who has no owner's value any more is stored when all is.
local function stored()
  local group = group_of(ARGV[3])
  if state == CLAIMED or not group then return 0 end
  local number = values and struct.unpack('>I4', values[1], 26) or L.events
  local needed = event_needed(group)
  return (not needed or number < needed.number) and 1 or 0
end

return {head('-'), {state == CLAIMED and PENDING or state, until_us(ends), stored()}}
