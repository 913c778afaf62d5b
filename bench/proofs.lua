-- wrk script: inclusion proofs of scattered receipts. Environment:
--   SERVICE  "lucid" or "node"     LEAVES  receipts that the service holds
--   HASHES   file of receipt hashes, one a line (lucid)
-- Requests are formatted before the clock starts, scattered by a step that is prime to LEAVES.
local lucid = os.getenv("SERVICE") ~= "node"
local leaves = tonumber(os.getenv("LEAVES"))
local thread

function setup(t) thread = t end

function init(args)
  requests, at = {}, 0
  if lucid then
    for hash in io.lines(os.getenv("HASHES")) do
      requests[#requests + 1] = wrk.format("GET", "/v1/receipts/" .. hash .. "/proof")
      if #requests == leaves then break end
    end
  else
    for leaf = 0, leaves - 1 do requests[leaf + 1] = wrk.format("GET", "/v1/proofs/" .. leaf) end
  end
end

function request()
  at = (at + 7919) % leaves
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
