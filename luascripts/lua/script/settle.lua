-- settle.lua: claimed -> pending (row 4). An edge says what it sold, in batches. Each claim stands or falls by itself, and a
-- repeated claim gets its first verdict. So a batch whose reply was lost is sent again unchanged; its number only says how far
-- the instance has come.
-- ARGV  caller, instance, node, batch, claims: 40 bytes each, big endian: serial u32, count u32, fence u64, nonce
--       u64, expiry u64 (us of ledger time), buyer 8 bytes
-- Work    edges send up to 512 units in a batch: each is a field, and all of them are one event. A claim is searched in its
--         lease's list by halves, between marks that are made once. The list, of at most LARGEST / 2 ranges, is copied once.
-- Reply {head, {i, verdict, ...}}: the claims (i from 0) that do not stand: 1: resolved, 2: its time was over.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone) REASSERT (a claim's lease may be lost history: nothing was settled).
-- needs: answer instance lease ledger owner pend ranges recovery sale
-- row: 4
-- flags: widens
local caller, instance, node, batch, claims = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local SIZE = 40
local parse, sub = struct.unpack, string.sub

local refused = Sale.open(caller)
if refused then return refused end

local now, leases, touched, verdicts = L.now, {}, {}, {}
local me = Instance.read(instance)
local asserted = me.era == L.era -- it has re-asserted, so a lease that the ledger does not know is nobody's
local lost
local limbo, leased = 0, 0

-- outlived says that an owner is there only because its end may be in lost history: the claim has a later fence.
local function outlived(owner, fence)
  return Owner.pending(owner) and Owner.fence(owner) < fence
end

-- absent is the verdict on a claim whose serial is not in its lease: the claim was cancelled, or the serial has an owner in
-- the ledger or in this very batch, or it has none. A repeated claim gets its first verdict.
local function absent(serial, fence, mine, expiry)
  if Answer.kept('x' .. struct.pack('>I4', serial) .. mine) then return 0 end
  local name = int(serial)
  local owner = redis.call('HGET', SOLD, name) or Pend.owner(name)
  if owner and Owner.id(owner) == mine then return 0 end
  if owner and not outlived(owner, fence) then return 1 end
  if expiry <= now then return 2 end
  lost = lost or not asserted and Recovery.unheard(fence) and fence
  return 1
end

-- judge is the verdict on a claim; nil: it stands, and its serials have left the lease. No owner is looked up for a serial in
-- a lease, because it has none (I2).
local function judge(first, n, fence, expiry, at)
  local lease = leases[fence]
  if lease == nil then
    lease = Lease.read(int(fence)) or false
    leases[fence] = lease
  end
  local stretch, k
  if lease then stretch, k = Lease.has(lease, first, first + n) end
  if not k then return absent(first, fence, sub(claims, at + 8, at + 23), expiry) end
  if expiry <= now then return 2 end
  Ranges.cut(stretch.rem, k, first, first + n)
  if lease.limbo then limbo = limbo + n else leased = leased + n end
  touched[fence] = lease
end

for at = 1, #claims, SIZE do
  local first, n, fence, _, expiry = parse('>I4I4I8I8I8', claims, at)
  local verdict = judge(first, n, fence, expiry, at)
  if not verdict then
    Pend.add(claims, at, first, n, expiry)
  elseif verdict ~= 0 then
    verdicts[#verdicts + 1] = (at - 1) / SIZE
    verdicts[#verdicts + 1] = verdict
  end
end

if lost then return refuse('REASSERT', int(lost) .. ' is not known here yet: re-assert it first') end
if batch > me.seq then
  me.node, me.seq = node, batch
  Instance.write(me)
end
Pend.write()
for _, lease in pairs(touched) do Lease.write(lease) end
L.leased, L.limbo = L.leased - leased, L.limbo - limbo
Ledger.commit(true)
return {Sale.head(instance), verdicts}
