-- audit.lua: one moment of the whole ledger, counted from the things themselves beside the counters.
-- ARGV  caller ('' = any)
-- Reply {head, {owned serials, prior, why nothing is granted, lots collected}, {free range ...}, {fence, limbo, ranges, ...}}.
-- Writes nothing. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local refused, stop = open(ARGV[1], true)
if refused then return refused end
local free = redis.call('ZRANGE', FREE, 0, -1)
if not stored.birth and L.free > 0 then free = {int(L.prior + 1) .. '-' .. int(L.total + 1)} end
local leases = {}
for _, fence in ipairs(redis.call('HKEYS', LEASES)) do
  local lease = lease_read(fence)
  local list = {}
  for k, r in ipairs(lease.rem) do list[k] = int(r[1]) .. '-' .. int(r[2]) end
  leases[#leases + 1] = fence
  leases[#leases + 1] = lease.limbo and 1 or 0
  leases[#leases + 1] = table.concat(list, ',')
end
return {head('-'), {redis.call('HLEN', SOLD), L.prior, stop and stop.err or '', lots and redis.call('HLEN', LOTS) or 0}, free, leases}
