-- answers.lua: which keys have an answer that a repeat must get again, and which buyers have won where the sale has a limit. An edge
-- asks for what is new since its last look. Then it need not ask about keys and buyers that it has not heard of. Writes nothing.
-- ARGV  caller, the numbers of the last names of WINLOG and of NOLOG that the caller has ('' = it has none), how many more of each
-- Work    two slices of lists.
-- Reply {head, {number of WINLOG, of NOLOG, 1: there are more, keys: the first 8 bytes of each, buyers: 8 bytes each}}.
-- Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: answer sale
-- row: -
-- flags: no-writes
local refused = Sale.open(ARGV[1], true)
if refused then return refused end
local most, keys, buyers, told, more = tonumber(ARGV[4]), {}, {}, {}, 0
for k, log in ipairs({WINLOG, NOLOG}) do
  local names, number, rest = Answer.since(log, tonumber(ARGV[k + 1]), most)
  for _, name in ipairs(names) do
    local kind = string.sub(name, 1, 1)
    if kind == 'k' then keys[#keys + 1] = string.sub(name, 2, 9) end
    if kind == 'b' then buyers[#buyers + 1] = string.sub(name, 2, 9) end
  end
  told[k], more = number, rest and 1 or more
end
return {Sale.head('-'), {told[1], told[2], more, table.concat(keys), table.concat(buyers)}}
