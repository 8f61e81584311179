-- unit.lua: the reservation that has a serial, or one of that serial that was put back on sale lately. Writes nothing.
-- ARGV  caller, serial, of the reservation that is asked for: fence, nonce (u64, 16 bytes; '' = whichever has the serial now)
-- Work    UNITS fields.
-- Reply {head, {claim (40 bytes; '' = there is none)}}. A claim that was put back has no expiry and no buyer, and has its count only
-- if it was refunded. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: answer owner sale
-- row: -
-- flags: no-writes
local refused = Sale.open(ARGV[1], true)
if refused then return refused end
local serial, id = tonumber(ARGV[2]), ARGV[3]

local function owner(at) return redis.call('HGET', SOLD, int(at)) end

-- whole is the claim that an owner has: all its units are in a row.
local function whole(value)
  local first, list = serial, {}
  while owner(first - 1) == value do first = first - 1 end
  while owner(first + #list) == value do list[#list + 1] = {first + #list, value} end
  return Owner.claims_of(list)
end

-- count_of is the count in a grave, behind its end: a refunded claim's own. A cancelled claim's is not kept, and is taken for 1.
local function count_of(grave) return #grave > 8 and struct.unpack('>I4', grave, 9) or 1 end

-- buried is the claim of that id which had the serial; '': none is kept.
local function buried()
  local fields = {}
  for first = serial, math.max(serial - UNITS + 1, 1), -1 do fields[#fields + 1] = 'x' .. struct.pack('>I4', first) .. id end
  local kept = Answer.kept_all(fields, #fields)
  for k, field in ipairs(fields) do
    local n = kept[field] and count_of(kept[field]) or 0
    if n >= k then return struct.pack('>I4I4', serial - k + 1, n) .. id .. NOBODY .. NOBODY end
  end
  return ''
end

local value, claim = owner(serial), ''
if value and (id == '' or Owner.id(value) == id) then
  claim = whole(value)
elseif id ~= '' then
  claim = buried()
end
return {Sale.head('-'), {claim}}
