-- audit.lua: a slice of the whole ledger: the counters, and the things that they count. One call is one moment. Several slices
-- are of one moment if their counters are the same: see Audit.
-- ARGV  caller ('' = any), the serial from which on to list free ranges, the cursor among the leases ('' = no more of them)
-- Reply {head, {owned serials, prior, why nothing is granted, units collected by lot, number of free ranges, number of ranges in
--       LENGTHS (-1: it is being rebuilt), the serial to go on from, the cursor; '' = that was all}, {free range ...}, {the
--       length of each in LENGTHS}, {fence, limbo, ranges, ...}}.
-- Work    500 free ranges, and HSCAN for 200 leases, whose ranges are copied to the reply unread. Writes nothing.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: free ledger sale
-- row: -
-- flags: no-writes
local MOST_FREE, MOST_LEASES = 500, 200

local refused, stop = Sale.open(ARGV[1], true)
if refused then return refused end

local free, lengths, on = {}, {}, ''
if ARGV[2] ~= '' then
  local list, members = redis.call('ZRANGEBYSCORE', FREE, ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, MOST_FREE), {}
  for k = 1, #list, 2 do
    local a = tonumber(list[k + 1])
    free[#free + 1], members[#members + 1] = list[k], Free.member(a)
    if #free == MOST_FREE then on = int(a + 1) end
  end
  if #free > 0 then lengths = redis.call('ZMSCORE', LENGTHS, unpack(members)) end
end
local stored = Ledger.stored
local whole_index = stored('indexed') == stored('rev') and stored('walk') == 0
if not stored('birth') and L.free > 0 then free = {int(L.prior + 1) .. '-' .. int(L.total + 1)} end

local leases, cursor = {}, ''
if ARGV[3] ~= '' then
  local scan = redis.call('HSCAN', LEASES, ARGV[3], 'COUNT', MOST_LEASES)
  if scan[1] ~= '0' then cursor = scan[1] end
  for k = 1, #scan[2], 2 do
    local limbo, list = string.match(scan[2][k + 1], '^%S+ %d+ %d+ %d+ (%d) (%S*)$')
    leases[#leases + 1] = scan[2][k]
    leases[#leases + 1] = limbo ~= '0' and 1 or 0
    leases[#leases + 1] = list
  end
end
return {Sale.head('-'), {redis.call('HLEN', SOLD), L.prior, stop and stop.err or '', Run.lots and redis.call('HLEN', LOTS) or 0,
  redis.call('ZCARD', FREE), whole_index and redis.call('ZCARD', LENGTHS) or -1, on, cursor}, free, lengths, leases}
