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

-- read is the article's hash; nil: there is none. Its fields are parsed only where a hand may have changed them.
local function read()
  local v = redis.pcall('HMGET', HASH, 'ticket_total_nums', 'ticket_sold_nums', 'birth')
  if v[1] or v[2] or v[3] then return {totals = v[1], solds = v[2], birth = v[3]} end
  local kind = redis.call('TYPE', HASH).ok
  if kind == 'none' then return nil end
  return {other = kind ~= 'hash' and 'it is a ' .. kind .. ', not a hash'}
end

-- parse adds to h the article's two numbers, and what is wrong with them.
local function parse(h)
  local bad_total, bad_sold
  h.total, bad_total = whole_number(h.totals, 'ticket_total_nums')
  h.sold, bad_sold = whole_number(h.solds, 'ticket_sold_nums')
  h.wrong = h.other or bad_total or bad_sold
  if not h.wrong and h.sold > h.total then h.wrong = 'ticket_sold_nums is more than ticket_total_nums' end
  return h
end

-- foreign says how a hand has changed the hash; nil: none has. It adds to h by how much a hand has raised the total.
local function foreign(h)
  h.raised = 0
  local same = h.birth == int(L.birth) and h.solds == int(L.pending + L.confirmed)
  if same and h.totals == int(L.total) then return nil end
  parse(h)
  if h.wrong then return h.wrong end
  if h.birth ~= int(L.birth) then return 'it was made again beside an old ledger: remove the sale first' end
  if h.total < L.total then return 'ticket_total_nums was lowered by hand' end
  if not same then return 'ticket_sold_nums was changed by hand' end
  h.raised = h.total - L.total
  return nil
end

-- add_sold moves the mirror. It alone may fail, if a hand has spoilt the hash: the ledger is the truth, and foreign() will
-- report it.
local function add_sold(n)
  if n ~= 0 then redis.pcall('HINCRBY', HASH, 'ticket_sold_nums', int(n)) end
end

return {read = read, parse = parse, foreign = foreign, add_sold = add_sold}
