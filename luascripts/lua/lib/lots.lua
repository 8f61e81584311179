-- lots.lua: the first units of a sale go by lot, not to who is nearest (--shuffle). Buyers enter while the
-- window is open; then the first script that lets time pass draws, and the winners collect.
--
-- Field shuffle of the ledger is 'window drawn entrants winners kept ends last seed seal over': how long buyers enter, from the
-- opening on; when was drawn (0: not yet); how many had entered, and won; how many free units are kept for winners who have
-- not collected, and until when (ledger time); the last lot that won (-1: none); the seed, and the SHA-256 of its text; when the
-- window is over by ledger time, which no jump of a clock moves by more than STEP (0: it has not begun; -1: ledger time has
-- lost sight of it, and the clock decides alone).
-- Members of ENTRANTS are buyers, their scores their lots: nobody who has not the seed can tell them, everybody who has it
-- can. Field buyer of LOTS is the claim it collected.
-- needs: era

local DRAWING = 4 -- of Sale.state()

-- withheld is how many of the free units are not for everybody.
local function withheld() return Run.lots and Run.lots.kept or 0 end

local function read(text)
  local n = {}
  for word in string.gmatch(text, '%S+') do n[#n + 1] = word end
  return {window = tonumber(n[1]), drawn = tonumber(n[2]), entrants = tonumber(n[3]), winners = tonumber(n[4]), kept = tonumber(n[5]),
    ends = tonumber(n[6]), last = tonumber(n[7]), seed = n[8], seal = n[9], over = tonumber(n[10] or 0)}
end

-- begin reads the sale's lots into Run. Redis makes a script's functions anew in every run: these are made only where there are lots.
local function begin()
  local lots = read(L.shuffle)
  Run.lots = lots

  function lots.text()
    return table.concat({int(lots.window), int(lots.drawn), int(lots.entrants), int(lots.winners), int(lots.kept), int(lots.ends),
      int(lots.last), lots.seed, lots.seal, int(lots.over)}, ' ')
  end

  function lots.draws_at() return L.opens + lots.window end

  -- members is a list of scores and members: of each buyer its lot, 52 bits, which a score holds exactly, and so does a
  -- number that a command is given.
  function lots.members(buyers)
    local list, before = {}, lots.seed .. ':' .. int(L.birth) .. ':'
    for at = 1, #buyers, 8 do
      local buyer = string.sub(buyers, at, at + 7)
      list[#list + 1] = tonumber(string.sub(redis.sha1hex(before .. buyer), 1, 13), 16)
      list[#list + 1] = buyer
    end
    return list
  end

  -- draw costs the same however many have entered: the permutation is there already.
  local function draw()
    lots.entrants = redis.call('ZCARD', ENTRANTS)
    lots.winners = math.min(lots.entrants, L.free)
    if lots.winners > 0 then
      lots.last = tonumber(redis.call('ZRANGE', ENTRANTS, lots.winners - 1, lots.winners - 1, 'WITHSCORES')[2])
    end
    lots.drawn, lots.kept, lots.ends = L.raw, lots.winners, L.now + Era.covered()
    L.gen = L.gen + 1
  end

  -- begin_window notes when the window is over: it is as long as it is said to be from the first script on that finds it open.
  function lots.begin_window()
    if L.raw < L.opens then
      lots.over = 0
    elseif lots.over == 0 then
      lots.over = L.now + lots.window
    end
  end

  -- pass is what time does: the draw, and the end of collecting. Neither while a new era recovers, for what is free is
  -- not known then; and no winner's time is over while the doors are shut that it could come through.
  function lots.pass()
    if lots.drawn == 0 then lots.begin_window() end
    if Era.recovering() then return end
    if lots.drawn == 0 then
      if L.raw >= lots.draws_at() and L.now >= lots.over then draw() end
    elseif lots.kept > 0 and L.now >= lots.ends and L.state ~= 'paused' then
      lots.kept, L.gen = 0, L.gen + 1
    end
  end

  -- won says whether a unit is kept for this buyer, if it has not collected.
  function lots.won(buyer)
    local rank = redis.call('ZRANK', ENTRANTS, buyer)
    return rank and rank < lots.winners
  end

  -- seed_shown is the seed once it is no secret any more: a margin after the window, so that no server whose clock is behind
  -- can still take entries from who has read it.
  function lots.seed_shown()
    return lots.drawn > 0 and L.raw >= lots.draws_at() + MARGIN and lots.seed or ''
  end

  return lots
end

return {DRAWING = DRAWING, withheld = withheld, begin = begin}
