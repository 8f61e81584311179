-- renew.lua: leased, limbo -> leased (row 2). Moves the deadlines of the leases that the instance names. If the instance has
-- other leases that it does not await either, it does not know of them: they go free. In a recovery only an instance that has
-- re-asserted may renew, because another's lease may have been freed, and sold, in lost history.
-- ARGV  caller, instance, node, awaited (leases of this request or a later one are kept), term_us, the era in which the caller
--       had re-asserted when it asked (0 = it does not say; a call from an older era may come late), fence ...
-- Reply {head, {deadline of each fence in order, or 0: gone for good, or not re-asserted in this era yet}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- Work    each lease named, and each the instance has, is read and written once; SWEEP items; while it recovers, SPOKEN
--         instances are looked at.
-- needs: era instance lease ledger recovery sale sweep
-- row: 2
-- flags: widens
local caller, instance = ARGV[1], ARGV[2]
local awaited, term, said = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local refused = Sale.open(caller)
if refused then return refused end
Sweep.run(SWEEP)
Era.lasts(term)

local function over(lease)
  return lease.limbo and L.now >= Lease.due(lease)
end

local me = Instance.read(instance)
local asserted = not Era.recovering() or me.era == L.era and (said == 0 or said == L.era)
local held, deadlines = {}, {}
for k = 7, #ARGV do
  local lease = Lease.read(ARGV[k])
  local deadline = 0
  if asserted and lease and lease.inst == instance and not over(lease) then
    held[lease.fence] = true
    Lease.move_limbo(lease, false)
    lease.deadline = math.max(lease.deadline, L.now + term)
    Lease.write(lease)
    deadline = lease.deadline
  end
  deadlines[#deadlines + 1] = deadline
end
-- In a lossy recovery the instance may have sold units of leases that it does not name. They wait for their end in limbo. So
-- do the leases of an instance that has not re-asserted, unless it names no lease: such a caller only settles what a dead
-- process left.
for _, fence in ipairs((Era.lossy() or not asserted and #ARGV > 6) and {} or me.fences) do
  if not held[fence] then
    local lease = Lease.read(fence)
    if lease.req < awaited then Lease.free(lease) end
  end
end
Recovery.reopen()
Ledger.commit()
return {Sale.head(instance), deadlines}
