-- renew.lua: leased, limbo -> leased (row 2). Moves the deadlines of the leases the instance says it holds. What the
-- ledger has for it beyond those, and beyond the requests it still awaits, it does not know of: that goes free.
-- ARGV  caller, instance, node, awaited (leases of this request or a later one are kept), term_us, fence ...
-- Reply {head, {deadline of each fence in order, or 0: gone for good}}. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
local caller, instance, node = ARGV[1], ARGV[2], ARGV[3]
local awaited, term = tonumber(ARGV[4]), tonumber(ARGV[5])

local refused = open(caller)
if refused then return refused end
sweep(SWEEP)
lasts(term)

local function over(lease)
  return lease.doubtful or lease.limbo and L.now >= lease.deadline + lease.hold + MARGIN
end

local me = instance_read(instance)
local held, deadlines = {}, {}
for k = 6, #ARGV do
  local lease = lease_read(ARGV[k])
  local deadline = 0
  if lease and lease.inst == instance and not over(lease) then
    held[lease.fence] = true
    move_limbo(lease, false)
    lease.deadline = math.max(lease.deadline, L.now + term)
    lease_write(lease)
    deadline = lease.deadline
  end
  deadlines[#deadlines + 1] = deadline
end
-- In lost history it may have sold what it does not hold: that waits for its end in limbo.
for _, fence in ipairs(lossy() and {} or me.fences) do
  if not held[fence] then
    local lease = lease_read(fence)
    if lease.req < awaited then lease_free(lease) end
  end
end
reopen()
commit()
return {head(instance), deadlines}
