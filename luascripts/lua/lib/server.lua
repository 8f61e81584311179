-- server.lua: what the server says of itself.
-- needs: -

local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

-- hex48 is the number that follows `name:`, of which it reads 48 bits; 0: the text has no such name.
local function hex48(info, name)
  local _, at = string.find(info, name .. ':', 1, true)
  return at and tonumber(string.sub(info, at + 1, at + 12), 16) or 0
end

-- node is the server's history (48 bits of master_replid; 0: it does not say), and how many replicas follow it now. A replica
-- is a follower that announces a port: only such a follower can be promoted. Run.names has their names, each with a comma.
-- Other followers are strangers. They count for nothing, but WAIT counts what they acknowledge. Nothing else tells a script that
-- history was cut, or that a replica has come or gone: so every run asks, and asks once.
local function node()
  local info = redis.pcall('INFO', 'replication')
  Run.strangers, Run.names = 0, ''
  if type(info) ~= 'string' then return 0, 0 end
  local id = hex48(info, 'master_replid')
  if string.find(info, 'connected_slaves:0', 1, true) then return id, 0 end
  local names, others = {}, 0
  for ip, port in string.gmatch(info, 'slave%d+:ip=([^,]*),port=(%d+),state=online') do
    if port == '0' then others = others + 1 else names[#names + 1] = ip .. ':' .. port .. ',' end
  end
  Run.names = table.concat(names)
  local online = #names
  local count = math.min(online, Run.most_told or online)
  Run.strangers, Run.replicas = others + online - count, count
  return id, count
end

-- lineup is the list of followers (~: not online yet), and how often any began to follow. While it stays the same, no replica
-- has come or gone.
local function lineup()
  local info = redis.pcall('INFO', 'replication', 'stats')
  if type(info) ~= 'string' then return '?' end
  local list = {}
  for ip, port, is in string.gmatch(info, 'slave%d+:ip=([^,]*),port=(%d+),state=([a-z_]+)') do
    if port ~= '0' then list[#list + 1] = ip .. ':' .. port .. (is == 'online' and '' or '~') end
  end
  local full, part = string.match(info, 'sync_full:(%d+)'), string.match(info, 'sync_partial_ok:(%d+)')
  local syncs = tonumber(full or 0) + tonumber(part or 0)
  return table.concat(list, ',') .. '#' .. int(syncs)
end

-- process is the process (48 bits of run_id; 0: it does not say), the history that it followed when it was promoted (48 bits
-- of master_replid2; 0: none), whether it has got data from a master (nil: it does not say), and whether it has an
-- append-only file.
local function process()
  local info = redis.pcall('INFO', 'server', 'replication', 'stats', 'persistence')
  if type(info) ~= 'string' then info = '' end
  local fed = string.match(info, 'total_net_repl_input_bytes:(%d+)')
  return {run = hex48(info, 'run_id'),
    followed = hex48(info, 'master_replid2'),
    fed = fed and fed ~= '0', file = string.find(info, 'aof_enabled:1', 1, true) ~= nil}
end

return {clock = clock, node = node, lineup = lineup, process = process}
