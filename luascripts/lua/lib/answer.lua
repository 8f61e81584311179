-- answer.lua: answers that a repeat must get again. Each is kept for the hold and KEEP. A field of ANSWERS is k.. for an
-- idempotency key, x.. for a cancelled claim, or l.. for how often a buyer has met the limit. Its value begins with its end
-- (u64). Two logs have the fields in order: WINLOG has keys that won, NOLOG has the others, so that repeated refusals push no
-- winner out. A log has at most total + ANSWERS_MOST answers; beyond that the oldest go early. Where the sale has a limit, WINLOG
-- also has b.. for the buyer of each win, behind its key. Fields wins and noes of ANSWERS count what the logs ever got: so edges
-- can ask for what is new.
-- needs: -

local WINS = string.byte('k') -- begins a key's field

local function kept(field)
  local value = redis.call('HGET', ANSWERS, field)
  return value and struct.unpack('>I8', value) > L.now and string.sub(value, 9)
end

-- kept_all is what is kept of `count` fields, by field: each with its end.
local function kept_all(fields, count)
  local kept_of, values = {}, redis.call('HMGET', ANSWERS, unpack(fields, 1, count))
  for k = 1, count do
    local value = values[k]
    if value and struct.unpack('>I8', value) > L.now then kept_of[fields[k]] = value end
  end
  return kept_of
end

-- ends is until when an answer of now is kept.
local function ends() return struct.pack('>I8', L.now + L.hold + KEEP) end

local function drop(log)
  local field = redis.call('LPOP', log)
  if field then redis.call('HDEL', ANSWERS, field) end
end

local function counter(log) return log == WINLOG and 'wins' or 'noes' end

-- keep_all keeps answers: list is field, value, field, value ... The log gets names.
local function keep_all(log, list, names)
  if #names == 0 then return end
  if #list > 0 then redis.call('HSET', ANSWERS, unpack(list)) end
  redis.call('HINCRBY', ANSWERS, counter(log), #names)
  local most = (L.total + ANSWERS_MOST) * (L.limit > 0 and 2 or 1)
  for _ = most + 1, redis.call('RPUSH', log, unpack(names)) do drop(log) end
end

local function keep(log, field, data) keep_all(log, {field, ends() .. data}, {field}) end

-- since is up to `most` names that a log got behind its name number `from` (nil: all that it has), the number of the last of
-- them, the number before that of the oldest name, and whether there are more. `was` is that number as the caller heard it: it
-- grows with each name that goes. If it has fallen, a version that does not count has added names, and all are new.
local function since(log, from, was, most)
  local count, has = tonumber(redis.call('HGET', ANSWERS, counter(log)) or 0), redis.call('LLEN', log)
  local first = count - has
  if not from or first < was then from = first end
  local at = math.max(from - first, 0)
  local names = redis.call('LRANGE', log, int(at), int(at + most - 1))
  return names, first + at + #names, first, at + #names < has
end

-- change replaces the data of an answer, and leaves its end.
local function change(field, data)
  redis.call('HSET', ANSWERS, field, string.sub(redis.call('HGET', ANSWERS, field), 1, 8) .. data)
end

-- young says that no answer of a log can be over yet: the sale is not as old as an answer gets.
local function young() return L.now < L.birth + L.hold + KEEP end

local function sweep(log, most)
  local all = young()
  if all and (log == NOLOG or L.limit == 0) then return end
  for _ = 1, most do
    local field = redis.call('LINDEX', log, '0')
    if not field or all and string.byte(field) == WINS or kept(field) then return end
    drop(log)
  end
end

return {kept = kept, kept_all = kept_all, ends = ends, keep = keep, keep_all = keep_all, since = since, change = change,
  sweep = sweep}
