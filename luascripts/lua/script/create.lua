-- create.lua: a new sale, its hash and its ledger. It never touches a sale that exists.
-- ARGV  caller, total, hold_us (0 = sold for good), opens_us, closes_us (0 = no such time), limit (units per
--       buyer; 0 = no limit); where the first units go by lot: window_us, seed, its SHA-256. A window without an opening
--       begins now.
-- Work    one range, one ledger, whatever the total.
-- Reply {head}. Errors EXISTS.
-- needs: free ledger lots sale server
-- row: 12
-- flags: widens
if redis.call('EXISTS', unpack(KEYS)) > 0 then return refuse('EXISTS', HASH .. ' exists') end
Run.synced = ARGV[1] == '+' and 1 or 0
Ledger.begin(Server.clock(), tonumber(ARGV[2]), 0, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]),
  tonumber(ARGV[6]))
if ARGV[7] then
  if L.opens == 0 then L.opens = L.raw end
  L.shuffle = table.concat({ARGV[7], '0 0 0 0 0 -1', ARGV[8], ARGV[9]}, ' ')
  Lots.begin().begin_window()
end
redis.call('HSET', HASH, 'ticket_total_nums', int(L.total), 'ticket_sold_nums', '0', 'birth', int(L.birth))
if L.free > 0 then Free.add(L.prior + 1, L.total + 1) end
Ledger.commit()
return {Sale.head('-')}
