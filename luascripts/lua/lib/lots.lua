-- lots.lua: the first units of a sale go by lot, and not to the nearest buyer (--shuffle). Buyers enter while the window is
-- open. The first script after the window that lets time pass draws. Then the winners collect.
--
-- Field shuffle of the ledger is 'window drawn entrants winners kept ends last seed seal over'. window: how long buyers may
-- enter, from the opening on. drawn: when lots were drawn (0: not yet). entrants, winners: how many entered, and won. kept,
-- ends: how many free units are kept for winners who have not collected, and until when (ledger time). last: the highest lot
-- that won (-1: none). seed, seal: the seed, and the SHA-256 of its text. over: when the window is over by ledger time, which
-- no jump of a clock moves by more than STEP (0: it has not begun; -1: after a loss ledger time cannot tell, and the clock
-- alone decides).
-- Members of ENTRANTS are buyers, their scores are their lots. Without the seed nobody can compute a lot, and with the seed
-- anybody can. Field buyer of LOTS is the claim that the buyer collected.
-- needs: era

local DRAWING = 4 -- a value of Sale.state()

-- withheld is how many free units are kept for winners.
local function withheld() return Run.lots and Run.lots.kept or 0 end

local function read(text)
  local n = {}
  for word in string.gmatch(text, '%S+') do n[#n + 1] = word end
  return {window = tonumber(n[1]), drawn = tonumber(n[2]), entrants = tonumber(n[3]), winners = tonumber(n[4]), kept = tonumber(n[5]),
    ends = tonumber(n[6]), last = tonumber(n[7]), seed = n[8], seal = n[9], over = tonumber(n[10] or 0)}
end

-- begin reads the sale's lots into Run. These functions know one sale's lots: so they are made in each run, and only where
-- there is a draw.
local function begin()
  local lots = read(L.shuffle)
  Run.lots = lots

  function lots.text()
    return table.concat({int(lots.window), int(lots.drawn), int(lots.entrants), int(lots.winners), int(lots.kept), int(lots.ends),
      int(lots.last), lots.seed, lots.seal, int(lots.over)}, ' ')
  end

  function lots.draws_at() return L.opens + lots.window end

  -- members is a list of scores and members: each buyer's lot and the buyer. A lot has 52 bits, which a score and a command's
  -- argument hold exactly.
  function lots.members(buyers)
    local list, before = {}, lots.seed .. ':' .. int(L.birth) .. ':'
    for at = 1, #buyers, 8 do
      local buyer = string.sub(buyers, at, at + 7)
      list[#list + 1] = tonumber(string.sub(redis.sha1hex(before .. buyer), 1, 13), 16)
      list[#list + 1] = buyer
    end
    return list
  end

  -- draw costs the same however many have entered, because the permutation is there already.
  local function draw()
    lots.entrants = redis.call('ZCARD', ENTRANTS)
    lots.winners = math.min(lots.entrants, L.free)
    if lots.winners > 0 then
      lots.last = tonumber(redis.call('ZRANGE', ENTRANTS, lots.winners - 1, lots.winners - 1, 'WITHSCORES')[2])
    end
    lots.drawn, lots.kept, lots.ends = L.raw, lots.winners, L.now + Era.covered()
    L.gen = L.gen + 1
  end

  -- begin_window notes when the window is over. The window begins with the first script that finds it open, and has its full
  -- length from there.
  function lots.begin_window()
    if L.raw < L.opens then
      lots.over = 0
    elseif lots.over == 0 then
      lots.over = L.now + lots.window
    end
  end

  -- pass does what is due: the draw, or the end of collecting. It does nothing in a recovery, because what is free is not
  -- known then. The time of winners does not end while the doors are shut, because nobody can collect then.
  function lots.pass()
    if lots.drawn == 0 then lots.begin_window() end
    if Era.recovering() then return end
    if lots.drawn == 0 then
      if L.raw >= lots.draws_at() and L.now >= lots.over then draw() end
    elseif lots.kept > 0 and L.now >= lots.ends and L.state ~= 'paused' then
      lots.kept, L.gen = 0, L.gen + 1
    end
  end

  -- won says whether a unit is kept for this buyer, unless the buyer has collected it.
  function lots.won(buyer)
    local rank = redis.call('ZRANK', ENTRANTS, buyer)
    return rank and rank < lots.winners
  end

  -- seed_shown is the seed, once it may be shown: a margin after the window. A server whose clock is behind may take entries
  -- until then, and nobody who enters may have read the seed.
  function lots.seed_shown()
    return lots.drawn > 0 and L.raw >= lots.draws_at() + MARGIN and lots.seed or ''
  end

  return lots
end

return {DRAWING = DRAWING, withheld = withheld, begin = begin}
