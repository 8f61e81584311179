-- answer.lua: what was said once and must be said again to who asks again, for the hold and KEEP. A field of ANSWERS is
-- k.. for an idempotency key, x.. for a cancelled claim, or l.. for how often a buyer has met the limit; its value begins with its
-- end (u64). Two logs have the fields in order: WINLOG of keys that won, NOLOG of the others, so that who is refused again and again
-- pushes no winner out. Beyond total + ANSWERS_MOST in each the oldest go early.
-- needs: -

local function kept(field)
  local value = redis.call('HGET', ANSWERS, field)
  return value and struct.unpack('>I8', value) > L.now and string.sub(value, 9)
end

local function drop(log)
  local field = redis.call('LPOP', log)
  if field then redis.call('HDEL', ANSWERS, field) end
end

local function keep(log, field, data)
  redis.call('HSET', ANSWERS, field, struct.pack('>I8', L.now + L.hold + KEEP) .. data)
  if redis.call('RPUSH', log, field) > L.total + ANSWERS_MOST then drop(log) end
end

-- change says something else for as long as the answer is kept anyhow.
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

return {kept = kept, keep = keep, change = change, sweep = sweep}
