-- The load of bench.tracking for wrk: wrk -s tracking_wrk.lua URL -- PATHS RATE CLOSE
-- PATHS: a file with one path a line, walked in order. RATE: requests a second, 0 for as many as are answered.
-- CLOSE: 1 for a connection a request. Prints one JSON object at the end.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long nanoseconds; } moment; int clock_gettime(int clock, moment *now);")
local moment = ffi.new("moment")
local MONOTONIC = 1

local paths, place, step_ms, due_ms, close = {}, 0, 0, 0, false

local function now_ms()
   ffi.C.clock_gettime(MONOTONIC, moment)
   return tonumber(moment.seconds) * 1000 + tonumber(moment.nanoseconds) / 1e6
end

function init(args)
   for line in io.lines(args[1]) do paths[#paths + 1] = line end
   local rate = tonumber(args[2])
   if rate > 0 then step_ms, due_ms = 1000 / rate, now_ms() else delay = nil end
   close = args[3] == "1"
   math.randomseed(11)
   wrk.headers["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
      .. "(KHTML, like Gecko) Mobile/15E148"
   wrk.headers["Accept"] = "image/*"
   if close then wrk.headers["Connection"] = "close" end
end

-- each request takes the next place in the timetable, whichever connection is free for it
function delay()
   due_ms = due_ms + step_ms
   local wait_ms = due_ms - now_ms()
   if wait_ms < -1000 then due_ms = due_ms - wait_ms end -- a second behind: begin a new timetable
   return wait_ms > 0 and math.floor(wait_ms + 0.5) or 0
end

-- a network of its own for each, as if a proxy had forwarded it: no limit is reached
function request()
   place = place % #paths + 1
   wrk.headers["X-Forwarded-For"] =
      string.format("%d.%d.%d.9", math.random(11, 99), math.random(0, 255), math.random(0, 255))
   return wrk.format("GET", paths[place])
end

function done(summary, latency)
   local errors = summary.errors
   print(string.format(
      '{"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "wrong": %d}',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
