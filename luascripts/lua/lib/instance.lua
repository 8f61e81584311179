-- instance.lua: instances, which hold leases. Field id of INSTANCES is 'batch asked era fences node'. The era is the last one
-- in which it re-asserted. The node's name comes last because it may hold any character.
-- needs: -

local function read(inst)
  local text = redis.call('HGET', INSTANCES, inst)
  local seq, asked, era, list, node = string.match(text or '', '^(%d+) (%d+) (%d+) (%S*) (.*)$')
  local fences = {}
  for f in string.gmatch(list or '', '%d+') do fences[#fences + 1] = f end
  return {id = inst, node = node or '-', seq = tonumber(seq or 0), asked = tonumber(asked or 0), era = tonumber(era or 0),
    fences = fences, new = not text}
end

local function write(i)
  redis.call('HSET', INSTANCES, i.id, int(i.seq) .. ' ' .. int(i.asked) .. ' ' .. int(i.era) .. ' ' ..
    table.concat(i.fences, ',') .. ' ' .. i.node)
  if i.new then redis.call('ZADD', ASKED, 'NX', int(i.asked), i.id) end -- forget() in lease.lua looks there
end

-- said reads of a record what a recovery must know: the era in which the instance last re-asserted, and the text of its
-- fences.
local function said(record) return string.match(record, '^%d+ %d+ (%d+) (%S*) ') end

return {read = read, write = write, said = said}
