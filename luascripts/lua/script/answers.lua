-- answers.lua: which keys have an answer that a repeat must get again, and which buyers have won where the sale has a limit. An edge
-- asks for what is new since its last look. Then it need not ask about keys and buyers that it has not heard of. Writes nothing.
-- ARGV  caller, how many more names of each log, and for WINLOG and NOLOG: the number of the last name that the caller has ('' = it
--       has none), the number before that of the oldest name when it heard so
-- Work    two slices of lists.
-- Reply {head, {1: there are more, keys: the first 8 bytes of each, buyers: 8 bytes each, both numbers of WINLOG, of NOLOG}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: answer sale
-- row: -
-- flags: no-writes
local refused = Sale.open(ARGV[1], true)
if refused then return refused end
local most, keys, buyers, told, more = tonumber(ARGV[2]), {}, {}, {}, 0
for k, log in ipairs({WINLOG, NOLOG}) do
  local names, last, first, rest = Answer.since(log, tonumber(ARGV[2 * k + 1]), tonumber(ARGV[2 * k + 2]), most)
  for _, name in ipairs(names) do
    local kind = string.sub(name, 1, 1)
    if kind == 'k' then keys[#keys + 1] = string.sub(name, 2, 9) end
    if kind == 'b' then buyers[#buyers + 1] = string.sub(name, 2, 9) end
  end
  told[2 * k - 1], told[2 * k], more = last, first, rest and 1 or more
end
return {Sale.head('-'), {more, table.concat(keys), table.concat(buyers), unpack(told)}}
