-- stream.lua: the orders' stream, its groups of consumers, and what each group has acknowledged.
-- needs: -

-- pairs_of makes a table of a flat reply: name, value, name, value ...
local function pairs_of(flat)
  local t = {}
  for k = 1, #flat, 2 do t[flat[k]] = flat[k + 1] end
  return t
end

-- groups lists the stream's groups of consumers. oldest is the id of the first event that a consumer has in hand, if there is
-- one.
local function groups()
  if redis.call('EXISTS', ORDERS) == 0 then return {} end
  local list = {}
  for k, g in ipairs(redis.call('XINFO', 'GROUPS', ORDERS)) do
    local one = pairs_of(g)
    list[k] = {name = one.name, pending = one.pending, lag = one.lag, last = one['last-delivered-id'],
      oldest = one.pending > 0 and redis.call('XPENDING', ORDERS, one.name)[2]}
  end
  return list
end

local function group(name)
  for _, g in ipairs(groups()) do
    if g.name == name then return g end
  end
end

-- event_at is the number and the time of the first event from an id on; nil: there is none. An entry that no script wrote has
-- number 0, so it comes before all.
local function event_at(from)
  local entry = redis.call('XRANGE', ORDERS, from, '+', 'COUNT', 1)[1]
  if not entry then return nil end
  local fields = pairs_of(entry[2])
  return {number = tonumber(fields.n) or 0, raw = tonumber(fields.raw) or L.raw}
end

-- event_needed is the first event that a group has not acknowledged; nil: there is none.
local function event_needed(by) return event_at(by.oldest or '(' .. by.last) end

return {pairs_of = pairs_of, groups = groups, group = group, event_at = event_at, event_needed = event_needed}
