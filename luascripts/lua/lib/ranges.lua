-- ranges.lua: ranges of serials: a text 'a-b', a list of texts 'a-b,a-b', or a table {{a, b}, {a, b}}, always in order.
-- needs: -

local floor = math.floor

-- read parses the text of one range.
local function read(text)
  local a, b = string.match(text, '^(%d+)-(%d+)$')
  return tonumber(a), tonumber(b)
end

local function count(ranges)
  local n = 0
  for _, r in ipairs(ranges) do n = n + r[2] - r[1] end
  return n
end

-- at_or_before is the index of the last range of rem that begins at s or before it; 0: none does.
local function at_or_before(rem, s)
  local low, high = 0, #rem
  while low < high do
    local mid = floor((low + high + 1) / 2)
    if rem[mid][1] <= s then low = mid else high = mid - 1 end
  end
  return low
end

-- holds is the index of the range of rem that has all of [a, b); nil: none has.
local function holds(rem, a, b)
  local k = at_or_before(rem, a)
  if k > 0 and b <= rem[k][2] then return k end
  return nil
end

-- cut takes [a, b) out of range k, which must have it.
local function cut(rem, k, a, b)
  local r = rem[k]
  if r[1] == a and r[2] == b then
    table.remove(rem, k)
  elseif r[1] == a then
    r[1] = b
  elseif r[2] == b then
    r[2] = a
  else
    table.insert(rem, k + 1, {b, r[2]})
    r[2] = a
  end
end

-- cut_all takes the serials of [a, b) that rem has out of it, and returns them.
local function cut_all(rem, a, b)
  local got = {}
  for k = at_or_before(rem, b - 1), 1, -1 do
    local from, to = math.max(a, rem[k][1]), math.min(b, rem[k][2])
    if from >= to then break end
    cut(rem, k, from, to)
    table.insert(got, 1, {from, to})
  end
  return got
end

local APART = 256 -- bytes between two marks

-- marks lists, of a list that is searched often, where some ranges begin (even places), and their serials (odd ones).
local function marks(list)
  local known, low, high = {}, 1, #list
  while low + APART < high do
    local at, from = string.match(list, ',()(%d+)', low + APART)
    if not at then break end
    known[#known + 1], known[#known + 2] = tonumber(from), at
    low = at
  end
  return known
end

-- between narrows a search down to the text between two marks.
local function between(list, a, known)
  local low, high = 0, #known / 2
  while low < high do
    local mid = floor((low + high + 1) / 2)
    if known[2 * mid - 1] <= a then low = mid else high = mid - 1 end
  end
  return known[2 * low] or 1, known[2 * low + 2] or #list + 1
end

-- head is where the text of the range begins that begins at a, if it is between two marks, and not the first one there.
local function head(list, a, low, high)
  local at = string.find(string.sub(list, low, high - 1), ',' .. int(a) .. '-', 1, true)
  return at and low + at
end

-- place is where, in a list, the text of the last range begins that begins at a or before it; 1: there is none. It searches
-- by halves, because a lease that is seldom settled may be in thousands of ranges. known: the list's marks, if it has any.
local function place(list, a, known)
  local low, high = 1, #list + 1
  if known then
    low, high = between(list, a, known)
    local at = head(list, a, low, high)
    if at then return at end
  end
  while high - low > 64 do
    local mid = floor((low + high) / 2)
    local at, from = string.match(list, ',()(%d+)', mid)
    if at and at < high and tonumber(from) <= a then low = at else high = mid end
  end
  while true do
    local on, from = string.match(list, '^%d+%-%d+,()(%d+)', low)
    if not on or tonumber(from) > a then return low end
    low = on
  end
end

-- add_texts adds the texts of rem's ranges to a list.
local function add_texts(list, rem)
  for _, r in ipairs(rem) do list[#list + 1] = int(r[1]) .. '-' .. int(r[2]) end
end

return {read = read, count = count, holds = holds, cut = cut, cut_all = cut_all, marks = marks, place = place,
  add_texts = add_texts}
