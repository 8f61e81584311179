-- holders.lua: which instances hold units of the sale, and which asked for a lease lately. Those that asked last are first. Writes
-- nothing.
-- ARGV  caller ('' = any)
-- Reply {head, {how many instances and leases are left out, because HOLDERS was used up}, {instance, node, when it last asked, fence,
--       units, deadline, 1: in limbo, fence, ...}, ...}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- Work    HOLDERS instances, leases and ranges of leases, counted together; beyond that the ranges of one lease, and the names of the
--       leases of one instance.
-- needs: instance lease sale
-- row: -
-- flags: no-writes
local refused = Sale.open(ARGV[1], true)
if refused then return refused end

local rest = HOLDERS

-- add_leases adds the leases of an instance, and returns how many are left out.
local function add_leases(holder, fences)
  for k, fence in ipairs(fences) do
    if rest <= 0 then return #fences - k + 1 end
    local lease = Lease.read(fence)
    local units, ranges = Lease.units(lease)
    rest = rest - 1 - ranges
    for _, n in ipairs({fence, units, lease.deadline, lease.limbo and 1 or 0}) do holder[#holder + 1] = n end
  end
  return 0
end

local ids, reply, left = redis.call('ZREVRANGE', ASKED, 0, HOLDERS - 1), {Sale.head('-'), {0}}, redis.call('ZCARD', ASKED)
for _, id in ipairs(ids) do
  if rest <= 0 then break end
  local i = Instance.read(id)
  local holder = {id, i.node, i.asked}
  rest, left = rest - 1, left - 1
  left = left + add_leases(holder, i.fences)
  reply[#reply + 1] = holder
end
reply[2][1] = left
return reply
