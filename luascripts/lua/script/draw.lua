-- draw.lua: a slice of the permutation, so that anybody can check it. Writes nothing.
-- ARGV  caller ('' = any), from which rank on, how many, at most 5,000
-- Work    5,000 members of a sorted set, which the reply carries.
-- Reply {head, {SHA-256 of the seed ('' = no lots), seed ('' = still secret)}, {buyers (8 bytes) in the order of their lots}}.
-- While the seed is secret, there are no buyers. Errors NOSALE BADSALE BIRTH FOREIGN(gone).
-- needs: sale
-- row: -
-- flags: no-writes
local refused = Sale.open(ARGV[1], true)
if refused then return refused end
local lots = Run.lots
local seed = lots and lots.seed_shown() or ''
local from, most = tonumber(ARGV[2]), math.min(tonumber(ARGV[3]), 5000)
local buyers = seed ~= '' and redis.call('ZRANGE', ENTRANTS, from, from + most - 1) or {}
return {Sale.head('-'), {lots and lots.seal or '', seed}, buyers}
