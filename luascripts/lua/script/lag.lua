-- lag.lua: how far a group of the orders' stream is behind. Writes nothing.
-- ARGV  caller ('' = any), group
-- Work    four entries read, one by one, however long the stream; XINFO walks the groups.
-- Reply {head, {events given to no consumer yet, events given and not acknowledged, time of the oldest of them (us, by TIME;
-- 0 = none), number of the newest event of which it is sure that it and all before it are acknowledged (0 = unknown)}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: sale stream
-- row: -
-- flags: no-writes
local refused = Sale.open(ARGV[1], true)
if refused then return refused end
local group = Stream.group(ARGV[2]) or {pending = 0, last = '0-0'}
local unread, needed = Stream.event_at('(' .. group.last), Stream.event_needed(group)
local behind = group.lag -- Redis' count, if it can count; eras leave gaps in the events' numbers
if type(behind) ~= 'number' then behind = unread and L.events - unread.number + 1 or 0 end
local before = redis.call('XREVRANGE', ORDERS, group.oldest and '(' .. group.oldest or group.last, '-', 'COUNT', 1)[1]
local stored = before and tonumber(Stream.pairs_of(before[2]).n) or 0
return {Sale.head('-'), {behind, group.pending, needed and needed.raw or 0, stored}}
