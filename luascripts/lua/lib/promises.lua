-- promises.lua follows open.lua: who owns which serial, until when, and what was said of it.
-- needs: open

-- Owners: field serial of SOLD is what a claim says (fence u64, nonce u64, expiry u64; 0 = never), then p(ending) or
-- c(onfirmed), the number of the newest event that concerns it (u32), and the buyer (8 bytes), unless it is nobody.

local function owner_value(fence_nonce, expiry, mark, number, buyer)
  return fence_nonce .. expiry .. mark .. struct.pack('>I4', number) .. (buyer == NOBODY and '' or buyer)
end

-- Holds: what is pending is looked for once its hold is over. A member of HOLDS is up to GROUP serials (u32 each), its
-- score the latest end among theirs. Serials are not taken out when their life moves on: the sweep asks their owners.

local function hold_add(serials, ends) redis.call('ZADD', HOLDS, 'GT', int(ends), serials) end

-- Answers: what was said once and must be said again to who asks again, for the hold and KEEP. A field of ANSWERS is
-- k.. for an idempotency key or x.. for a cancelled claim; its value begins with its end (u64). Two logs have the fields
-- in order: WINLOG of keys that won, NOLOG of the others, so that who is refused again and again pushes no winner out.
-- Beyond total + ANSWERS_MOST in each the oldest go early.

local function answer_kept(field)
  local value = redis.call('HGET', ANSWERS, field)
  return value and struct.unpack('>I8', value) > L.now and string.sub(value, 9)
end

local function answer_drop(log)
  local field = redis.call('LPOP', log)
  if field then redis.call('HDEL', ANSWERS, field) end
end

local function answer_keep(log, field, data)
  redis.call('HSET', ANSWERS, field, struct.pack('>I8', L.now + L.hold + KEEP) .. data)
  if redis.call('RPUSH', log, field) > L.total + ANSWERS_MOST then answer_drop(log) end
end

local function sweep_answers(log, most)
  for _ = 1, most do
    local field = redis.call('LINDEX', log, 0)
    if not field or answer_kept(field) then return end
    answer_drop(log)
  end
end

-- Buyers, where the sale has a limit: field buyer of BUYERS is the serials (u32) that buyer has.

local function buyer_loses(buyer, serial)
  if buyer == NOBODY then return end
  local has = redis.call('HGET', BUYERS, buyer) or ''
  for at = 1, #has, 4 do
    if string.sub(has, at, at + 3) == serial then
      has = string.sub(has, 1, at - 1) .. string.sub(has, at + 4)
      break
    end
  end
  if has == '' then redis.call('HDEL', BUYERS, buyer) else redis.call('HSET', BUYERS, buyer, has) end
end

-- unown puts serials back on sale. gone is {serial, owner's value} ..., in the order of the serials; of each owner it
-- tells the stream in claims as long as they go.
local function unown(kind, gone)
  local names, claims, first, last = {}, {}, nil, nil
  local function give() if first then free_add(first, last + 1) end end
  for k, g in ipairs(gone) do
    local serial, value = g[1], g[2]
    local buyer = #value > 29 and string.sub(value, 30) or NOBODY
    local id = string.sub(value, 1, 24)
    local old = claims[#claims]
    if serial - 1 == last and old.id == id then
      old.n = old.n + 1
    else
      claims[#claims + 1] = {first = serial, n = 1, id = id, buyer = buyer}
    end
    if serial - 1 ~= last then
      give()
      first = serial
    end
    last, names[k] = serial, int(serial)
    if L.limit > 0 then buyer_loses(buyer, struct.pack('>I4', serial)) end
  end
  give()
  for k, c in ipairs(claims) do claims[k] = struct.pack('>I4I4', c.first, c.n) .. c.id .. c.buyer end
  each_part('HDEL', SOLD, names)
  L.pending = L.pending - #gone
  L.free = L.free + #gone
  L.gen = L.gen + 1
  sold_by(-#gone)
  event(kind, table.concat(claims))
end
