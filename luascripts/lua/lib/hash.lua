-- hash.lua: the article's hash, the way in and the ledger's mirror.
-- needs: -

-- whole_number is the number in a field, or what is wrong with it.
local function whole_number(text, field)
  if not text then return nil, field .. ' is missing' end
  if not string.match(text, '^%-?%d+$') then return nil, field .. ' is not a whole number' end
  local n = tonumber(text)
  if n < 0 then return nil, field .. ' is negative' end
  if n > MOST then return nil, field .. ' is more than ' .. int(MOST) end
  if text ~= int(n) then return nil, field .. ' is not a plain whole number' end
  return n
end

-- read is the article's two fields, and what is wrong with them; nil: there is no hash.
local function read()
  local kind = redis.call('TYPE', HASH).ok
  if kind == 'none' then return nil end
  if kind ~= 'hash' then return {wrong = 'it is a ' .. kind .. ', not a hash'} end
  local v = redis.call('HMGET', HASH, 'ticket_total_nums', 'ticket_sold_nums', 'birth')
  local total, bad_total = whole_number(v[1], 'ticket_total_nums')
  local sold, bad_sold = whole_number(v[2], 'ticket_sold_nums')
  local wrong = bad_total or bad_sold
  if not wrong and sold > total then wrong = 'ticket_sold_nums is more than ticket_total_nums' end
  return {total = total, sold = sold, birth = v[3], wrong = wrong}
end

-- foreign says how a hand has changed the hash; nil: none has.
local function foreign(h)
  if h.wrong then return h.wrong end
  if h.birth ~= int(L.birth) then return 'it was made again beside an old ledger: remove the sale first' end
  if h.total < L.total then return 'ticket_total_nums was lowered by hand' end
  if h.sold ~= L.pending + L.confirmed then return 'ticket_sold_nums was changed by hand' end
  return nil
end

-- add_sold moves the mirror. It alone may fail, if a hand has spoilt the hash: the ledger is the truth, and foreign() will
-- report it.
local function add_sold(n)
  if n ~= 0 then redis.pcall('HINCRBY', HASH, 'ticket_sold_nums', int(n)) end
end

return {read = read, foreign = foreign, add_sold = add_sold}
