-- bindkey.lua: for which (sale, n) an idempotency key stands. Alone in its slot: a key knows of all sales.
-- KEYS  the key.  ARGV  what it is to stand for, how long at least (ms)
-- Reply 1: it does. 0: it stands for something else.
local now = redis.call('GET', KEYS[1])
if not now then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if now ~= ARGV[1] then return 0 end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
