-- giveback.lua: leased, limbo -> free (row 9). The owner names serials it will never sell; what of them is still in
-- the lease goes free. A repeat finds nothing left and changes nothing.
-- ARGV  birth, instance, then triples: fence, a, b (the serials a <= s < b)
-- Reply {head, {units that went free}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local birth, instance = ARGV[1], ARGV[2]

local refused = open(birth)
if refused then return refused end

local leases, freed = {}, 0
-- take_out frees the part of [a, b) that is still in rem.
local function take_out(lease, a, b)
  for k = #lease.rem, 1, -1 do
    local from, to = math.max(a, lease.rem[k][1]), math.min(b, lease.rem[k][2])
    if from < to then
      cut(lease.rem, k, from, to)
      free_add(from, to)
      local n = to - from
      L[counter(lease)] = L[counter(lease)] - n
      freed = freed + n
    end
  end
end

for k = 3, #ARGV, 3 do
  local fence = ARGV[k]
  if leases[fence] == nil then leases[fence] = lease_read(fence) or false end
  local lease = leases[fence]
  if lease and lease.inst == instance then take_out(lease, tonumber(ARGV[k + 1]), tonumber(ARGV[k + 2])) end
end
for _, lease in pairs(leases) do
  if lease then lease_write(lease) end
end
L.free = L.free + freed
if freed > 0 then L.gen = L.gen + 1 end
commit()
return {head(instance), {freed}}
