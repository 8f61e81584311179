-- base.lua stands in front of every script of a sale, behind the protocol's bounds (STEP, MARGIN, COVER ...: see
-- scripts_bounds.go). It has the names of the sale's keys, its ledger (L), what this run knows (Run), and the few functions
-- that all files use. Every other lib is one table.
--
-- A script (1) opens the ledger, (2) lets ledger time pass, (3) validates, (4) writes, (5) commits. Redis does not undo the
-- writes of a script that fails half way, so nothing may fail after the first write. The head of each script says how much
-- work its worst call is; while LENGTHS is being rebuilt, INDEX ranges come on top.
-- Ranges are half open: 'a-b' is the serials a <= s < b. Times are microseconds. A number that may have more than 14 digits
-- is written with int(), because tostring and .. would round it.
-- needs: -

local HASH, LEDGER, FREE, LEASES, DEADLINES, INSTANCES, SOLD, HOLDS, ORDERS, BUYERS, ANSWERS, WINLOG, NOLOG,
  ENTRANTS, LOTS, LENGTHS, ASKED
local NOBODY = string.rep('\0', 8)

local L -- the ledger's fields: see ledger.lua
local Run -- what this run of a script knows beside the ledger

-- begin_run begins each run. A value of the library lasts from run to run; the values that begin_run sets are this run's
-- alone. keys: the sale's. due: 1: a sweep has left something that is over. synced: 1: this server answers only what is on its
-- disk. freeing: ranges of leases that may still be set free. strangers, replicas, names: as of the last look at the server.
-- most_told: the most replicas that there are, by the operator's word. stored, whole: see ledger.lua. hash: what open() has read
-- of the hash. lots: see lots.lua; nil where there is no draw. has: what buyers have, as far as it was looked at. pend: see
-- pend.lua. hand: see free.lua. term: see bind() in buy.lua, and buys: its head. told: the answers that keys have got in this run,
-- by key. wins: those that are to be kept. winners: what WINLOG is to get.
local function begin_run(keys)
  HASH, LEDGER, FREE, LEASES, DEADLINES, INSTANCES, SOLD, HOLDS, ORDERS, BUYERS, ANSWERS, WINLOG, NOLOG,
    ENTRANTS, LOTS, LENGTHS, ASKED = unpack(keys)
  L = {}
  Run = {keys = keys, due = 0, synced = 0, freeing = FREES, strangers = 0, replicas = 0, names = '', most_told = nil,
    stored = {}, whole = false, hash = nil, lots = nil, has = {}, pend = nil, hand = nil, term = nil, buys = nil, told = nil, wins = nil,
    winners = nil}
end

-- know begins a run's knowledge of the ledger.
local function know(fields) L = fields end

local format = string.format

local function int(n) return format('%d', n) end

local function refuse(code, why) return {err = code .. ' ' .. why} end

-- each_part calls a variadic command several times, each with at most as many arguments as fit on Lua's stack.
local function each_part(command, key, args)
  for i = 1, #args, 2000 do
    redis.call(command, key, unpack(args, i, math.min(i + 1999, #args)))
  end
end
