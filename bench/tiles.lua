-- wrk script: full tiles of a log, one after the other. Environment:
--   TILES  how many full tiles there are at level 0     KIND  "0" (hash tiles) or "entries"
-- Requests are formatted before the clock starts; they are walked with a step that is prime to TILES.
local tiles = tonumber(os.getenv("TILES"))
local kind = os.getenv("KIND")

function init(args)
  requests, at = {}, 0
  for n = 0, tiles - 1 do
    local path = string.format("%03d", n % 1000)
    local rest = math.floor(n / 1000)
    while rest > 0 do
      path = string.format("x%03d/", rest % 1000) .. path
      rest = math.floor(rest / 1000)
    end
    requests[n + 1] = wrk.format("GET", "/tile/" .. kind .. "/" .. path)
  end
end

function request()
  at = (at + 7919) % tiles
  return requests[at + 1]
end

function done(summary, latency)
  io.write(string.format(
    "RESULT requests %d duration_us %d p50_us %d p99_us %d " ..
    "status_errors %d socket_errors %d idle 0 bytes %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.bytes))
end
