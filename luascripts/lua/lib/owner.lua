-- owner.lua: the owner of each serial, and until when. Field serial of SOLD is the owner's bytes. Only this file reads them.
--
--   1  id      fence u64, nonce u64
--  17  expiry  u64, ledger time; 0 = never
--  25  mark    p(ending) or c(onfirmed), and the number of the newest event that concerns the owner, u32
--  30  buyer   8 bytes; none if the buyer is anonymous and the owner was never prolonged
--  38  first   u64, the first expiry; none if the owner was never prolonged
-- needs: free hash sale

local pack, parse, sub, byte = struct.pack, struct.unpack, string.sub, string.byte
local PENDING = byte('p')
local NEVER = NOBODY -- an expiry of 0

local function mark(letter, number) return letter .. pack('>I4', number) end

-- write makes an owner's bytes of the bytes of its id and its expiry, and its mark.
local function write(says, its_mark, buyer) return buyer == NOBODY and says .. its_mark or says .. its_mark .. buyer end

-- said is the bytes of the id and the expiry in the claim that begins at `at` of claims.
local function said(claims, at)
  if L.hold == 0 then return sub(claims, at + 8, at + 23) .. NEVER end
  return sub(claims, at + 8, at + 31)
end

local function id(value) return sub(value, 1, 16) end

local function fence(value) return (parse('>I8', value)) end

-- ends is when the hold ends; 0: never.
local function ends(value) return (parse('>I8', value, 17)) end

local function pending(value) return byte(value, 25) == PENDING end

-- payable says that a reservation may still be paid. A hold that is over counts as over before a sweep finds it.
local function payable(value)
  local over = ends(value)
  return pending(value) and (over == 0 or over > L.now)
end

local function number(value) return (parse('>I4', value, 26)) end

local function buyer_of(value) return #value > 29 and sub(value, 30, 37) or NOBODY end

-- first_end is when the hold was to end at first.
local function first_end(value) return #value > 37 and parse('>I8', value, 38) or ends(value) end

-- confirmed is the same owner after the payment. event is the number of the event that says so.
local function confirmed(value, event) return write(sub(value, 1, 24), mark('c', event), buyer_of(value)) end

-- prolonged is the same owner with a later end of its hold. event is the number of the event that says so.
local function prolonged(value, over, event)
  return sub(value, 1, 16) .. pack('>I8', over) .. mark('p', event) .. buyer_of(value) .. pack('>I8', first_end(value))
end

-- read is what a reply says of an owner: fence, nonce and end.
local function read(value) return parse('>I8I8I8', value) end

-- Holds: the sweep looks at a pending serial when its hold is over. A member of HOLDS is up to GROUP serials (u32 each), its
-- score is the latest end among theirs. A serial stays in HOLDS when its owner changes: the sweep asks for the owner.

local function add_hold(serials, over) redis.call('ZADD', HOLDS, 'GT', int(over), serials) end

-- Buyers, where the sale has a limit: field buyer of BUYERS is the buyer's serials (u32 each).

local function buyer_loses(buyer, serial)
  if buyer == NOBODY then return end
  Run.has[buyer] = nil
  local has = redis.call('HGET', BUYERS, buyer) or ''
  for at = 1, #has, 4 do
    if sub(has, at, at + 3) == serial then
      has = sub(has, 1, at - 1) .. sub(has, at + 4)
      break
    end
  end
  if has == '' then redis.call('HDEL', BUYERS, buyer) else redis.call('HSET', BUYERS, buyer, has) end
end

-- claims_of is the claims of `list`, each as long as possible, in their wire form. list is {serial, owner's value} ..., in the
-- order of the serials.
local function claims_of(list)
  local claims, last = {}, nil
  for _, g in ipairs(list) do
    local serial, value = g[1], g[2]
    local says, old = sub(value, 1, 24), claims[#claims]
    if serial - 1 == last and old.says == says then
      old.n = old.n + 1
    else
      claims[#claims + 1] = {first = serial, n = 1, says = says, buyer = buyer_of(value)}
    end
    last = serial
  end
  for k, c in ipairs(claims) do claims[k] = pack('>I4I4', c.first, c.n) .. c.says .. c.buyer end
  return table.concat(claims)
end

-- release puts serials back on sale. gone is a list as claims_of has it. One event of the stream has them all.
local function release(kind, gone)
  local names, first, last, paid = {}, nil, nil, 0
  for k, g in ipairs(gone) do
    local serial = g[1]
    if not pending(g[2]) then paid = paid + 1 end
    if serial - 1 ~= last then
      if first then Free.add(first, last + 1) end
      first = serial
    end
    last, names[k] = serial, int(serial)
    if L.limit > 0 then buyer_loses(buyer_of(g[2]), pack('>I4', serial)) end
  end
  if first then Free.add(first, last + 1) end
  each_part('HDEL', SOLD, names)
  L.pending, L.confirmed = L.pending - #gone + paid, L.confirmed - paid
  L.free = L.free + #gone
  L.gen = L.gen + 1
  Hash.add_sold(-#gone)
  Sale.event(kind, claims_of(gone))
end

return {mark = mark, write = write, said = said, id = id, fence = fence, ends = ends, first_end = first_end, pending = pending, payable = payable,
  number = number, confirmed = confirmed, prolonged = prolonged, read = read, add_hold = add_hold, claims_of = claims_of, release = release}
