-- giveback.lua: leased, limbo -> free (row 9). The owner names serials that it will never sell. Those that are still in the lease
-- go free. A repeat finds nothing left and changes nothing.
-- ARGV  caller, instance, then triples: fence, a, b (the serials a <= s < b)
-- Work    each part is up to eight commands for each piece of it that is left; edges name 256 at a time.
-- Reply {head, {units that went free}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: free lease ledger ranges sale
-- row: 9
-- flags: -
local caller, instance = ARGV[1], ARGV[2]

local refused = Sale.open(caller)
if refused then return refused end

local leases, freed = {}, 0
-- take_out frees the part of [a, b) that is still in rem.
local function take_out(lease, a, b)
  local got = Lease.cut(lease, a, b)
  for _, r in ipairs(got) do Free.add(r[1], r[2]) end
  Lease.add_count(lease, -Ranges.count(got))
  freed = freed + Ranges.count(got)
end

for k = 3, #ARGV, 3 do
  local fence = ARGV[k]
  if leases[fence] == nil then leases[fence] = Lease.read(fence) or false end
  local lease = leases[fence]
  if lease and lease.inst == instance then take_out(lease, tonumber(ARGV[k + 1]), tonumber(ARGV[k + 2])) end
end
for _, lease in pairs(leases) do
  if lease and lease.inst == instance then Lease.write(lease) end
end
L.free = L.free + freed
if freed > 0 then L.gen = L.gen + 1 end
Ledger.commit(true)
return {Sale.head(instance), {freed}}
