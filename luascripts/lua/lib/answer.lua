-- answer.lua: answers that a repeat must get again. Each is kept for the hold and KEEP. A field of ANSWERS is k.. for an
-- idempotency key, x.. for a cancelled claim, or l.. for how often a buyer has met the limit. Its value begins with its end
-- (u64). Two logs have the fields in order: WINLOG has keys that won, NOLOG has the others, so that repeated refusals push no
-- winner out. A log has at most total + ANSWERS_MOST fields; beyond that the oldest go early.
-- needs: -

local function kept(field)
  local value = redis.call('HGET', ANSWERS, field)
  return value and struct.unpack('>I8', value) > L.now and string.sub(value, 9)
end

-- kept_all is kept for many fields; false: none is kept.
local function kept_all(fields)
  local list = #fields > 0 and redis.call('HMGET', ANSWERS, unpack(fields)) or {}
  for k, value in ipairs(list) do
    list[k] = value and struct.unpack('>I8', value) > L.now and string.sub(value, 9)
  end
  return list
end

local function drop(log)
  local field = redis.call('LPOP', log)
  if field then redis.call('HDEL', ANSWERS, field) end
end

-- keep_all keeps answers. list is field, data, field, data ...
local function keep_all(log, list)
  if #list == 0 then return end
  local ends, fields = struct.pack('>I8', L.now + L.hold + KEEP), {}
  for k = 1, #list, 2 do
    fields[(k + 1) / 2], list[k + 1] = list[k], ends .. list[k + 1]
  end
  redis.call('HSET', ANSWERS, unpack(list))
  for _ = L.total + ANSWERS_MOST + 1, redis.call('RPUSH', log, unpack(fields)) do drop(log) end
end

local function keep(log, field, data) keep_all(log, {field, data}) end

-- change replaces the data of an answer, and leaves its end.
local function change(field, data)
  redis.call('HSET', ANSWERS, field, string.sub(redis.call('HGET', ANSWERS, field), 1, 8) .. data)
end

local function sweep(log, most)
  for _ = 1, most do
    local field = redis.call('LINDEX', log, 0)
    if not field or kept(field) then return end
    drop(log)
  end
end

return {kept = kept, kept_all = kept_all, keep = keep, keep_all = keep_all, change = change, sweep = sweep}
