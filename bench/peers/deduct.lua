-- Takes one unit of a sale off its hash, as the article does, without the one too many.
-- KEYS 1 the sale's hash
-- ARGV 1 field of the total, 2 field of the sold count
-- Returns the serial (the sold count after this sale), or 0 if nothing is left.
local key, total_field, sold_field = KEYS[1], ARGV[1], ARGV[2]
local total = tonumber(redis.call('HGET', key, total_field))
local sold = tonumber(redis.call('HGET', key, sold_field))
if not total or not sold or sold >= total then
  return 0
end
return redis.call('HINCRBY', key, sold_field, 1)
