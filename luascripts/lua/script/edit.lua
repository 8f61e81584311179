-- edit.lua: the operator moves a sale's times, and before the first sale its hold and its limit. A repeat sets the same values,
-- so it changes nothing.
--
-- A sale whose hold or limit changes is another sale: it gets a new birth. So an edge that knows the old numbers is refused, and
-- looks anew; nobody can have promised anything by the old ones, because nothing was ever leased and not come back, or sold.
-- Closing may come nearer only as far as a lease is long: until then an edge that hears nothing may sell.
-- ARGV  caller, opens_us, closes_us, hold_us, limit ('' = as it is)
-- Work    a dozen fields, and four keys are unlinked.
-- Reply {head}. Errors NOSALE BADSALE BIRTH FOREIGN CLOSED OPENED (it is open already) BEGUN (units were leased or sold, or history
-- was cut) TIMES (they make no sense).
-- needs: ledger sale
-- row: -
-- flags: widens
local refused, stop = Sale.open(ARGV[1])
if refused or stop then return refused or stop end
if Sale.state() == 2 then return refuse('CLOSED', 'the sale is closed') end

local function given(k, otherwise) return ARGV[k] ~= '' and tonumber(ARGV[k]) or otherwise end

local opens, closes, hold, limit = given(2, L.opens), given(3, L.closes), given(4, L.hold), given(5, L.limit)
local other = hold ~= L.hold or limit ~= L.limit

local function begun()
  return L.events > 0 or L.leased + L.limbo > 0 or Run.lots and redis.call('ZCARD', ENTRANTS) > 0
end

local function times()
  local window = Run.lots and Run.lots.window or 0
  if closes > 0 and closes <= math.max(opens, L.raw) + window then return 'it must close after it opens, and after the lots\' window' end
  if closes > 0 and closes ~= L.closes and closes < L.raw + L.term then
    return 'edges may sell for ' .. int(math.ceil(L.term / 1000000)) .. ' s more: it must close after that, or at once by closing it'
  end
end

if opens ~= L.opens and L.raw >= L.opens then return refuse('OPENED', 'the sale is open already') end
if other and begun() then return refuse('BEGUN', 'units were on edges or sold: its hold and its limit stay') end
local wrong = times()
if wrong then return refuse('TIMES', wrong) end

if opens ~= L.opens or closes ~= L.closes or other then L.gen = L.gen + 1 end -- listeners look again
if other then
  L.birth = math.max(L.now, L.birth + 1) -- ledger time, as at any birth: how old a sale is tells which answers can be over
  redis.call('HSET', HASH, 'birth', int(L.birth))
  redis.call('UNLINK', ANSWERS, WINLOG, NOLOG, INSTANCES, ASKED)
end
L.opens, L.closes, L.hold, L.limit = opens, closes, hold, limit
if Run.lots and Run.lots.drawn == 0 then Run.lots.begin_window() end
Ledger.commit(true)
return {Sale.head('-')}
