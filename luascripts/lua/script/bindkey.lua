-- bindkey.lua: the (sale, n) that an idempotency key is bound to. It is not a sale's script: a key is for all sales. Each call
-- looks at two bindings and drops those that are over, so they stay about as few as the others.
-- KEYS  a hash of bindings: idempotency key -> end (ms, Unix, 14 digits), what it is bound to
-- ARGV  the key, what to bind it to, for how long at least (ms)
-- Work    three fields of a hash.
-- Reply 1: it is bound to that. 0: it is bound to something else.
-- needs: -
-- row: -
-- flags: -
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local ends = now + tonumber(ARGV[3])

local function over(value) return tonumber(string.sub(value, 1, 14)) <= now end

local bound = redis.call('HGET', KEYS[1], ARGV[1])
if bound and not over(bound) then
  if string.sub(bound, 15) ~= ARGV[2] then return 0 end
  ends = math.max(ends, tonumber(string.sub(bound, 1, 14)))
end
local some = redis.call('HRANDFIELD', KEYS[1], 2, 'WITHVALUES')
for k = 1, #some, 2 do
  if over(some[k + 1]) then redis.call('HDEL', KEYS[1], some[k]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%014d', ends) .. ARGV[2])
if redis.call('PTTL', KEYS[1]) < ends - now then redis.call('PEXPIRE', KEYS[1], ends - now) end
return 1
