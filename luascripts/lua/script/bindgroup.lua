-- bindgroup.lua: which database a group of the orders' streams belongs to. It is not a sale's script: a group reads all sales.
-- The owner of the binding repeats this call, and each repeat is a beat. A copy of the database (the same id in another place)
-- gets the binding only if there was no beat since the copy last looked. No clock is asked.
-- Work    one hash of four fields.
-- KEYS  a hash: group .. ':id', ':place', ':name', ':beats'
-- ARGV  the group, id, place, name (for people), the beats of another place when it was last seen ('0': none), '1': take it
--       from any holder
-- Reply {id, place, name, beats}: the binding after the call.
-- needs: -
-- row: -
-- flags: -
local names = {ARGV[1] .. ':id', ARGV[1] .. ':place', ARGV[1] .. ':name', ARGV[1] .. ':beats'}
local has = redis.call('HMGET', KEYS[1], unpack(names))
local beats = tonumber(has[4] or '0')
local mine = has[1] == ARGV[2] and (has[2] == ARGV[3] or ARGV[5] == has[4])
if has[1] and not mine and ARGV[6] ~= '1' then return has end
local now = {ARGV[2], ARGV[3], ARGV[4], string.format('%.0f', beats + 1)}
redis.call('HSET', KEYS[1], names[1], now[1], names[2], now[2], names[3], now[3], names[4], now[4])
return now
