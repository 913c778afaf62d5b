-- wrk script: each receipt of a file is sent once. Environment:
--   RECEIPTS  file of signed receipts, one a line     SKIP, COUNT  which lines (0, all)
--   BATCH     receipts a request                      SERVICE      "lucid" or "node"
-- Requests are formatted before the clock starts and answers are not looked into, so that the load
-- generator costs both services the same; wrk counts statuses above 399 by itself.
local function number(name, default) return tonumber(os.getenv(name) or default) end

local batch = number("BATCH", 1)
local lucid = os.getenv("SERVICE") ~= "node"
local thread

function setup(t) thread = t end

local function format(lines)
  local path = batch == 1 and "/v1/receipts" or "/v1/receipts/batch"
  local kind, body = "application/json", lines[1]
  if batch > 1 and lucid then
    kind, body = "application/x-ndjson", table.concat(lines, "\n") .. "\n"
  elseif batch > 1 then
    body = '{"receipts":[' .. table.concat(lines, ",") .. "]}"
  end
  return wrk.format("POST", path, { ["Content-Type"] = kind }, body)
end

function init(args)
  requests, made, sent, idle = {}, 0, 0, 0
  local skip, count, seen, hold = number("SKIP", 0), number("COUNT", 1e15), 0, {}
  for line in io.lines(os.getenv("RECEIPTS")) do
    seen = seen + 1
    if seen > skip + count then break end
    if seen > skip then hold[#hold + 1] = line end
    if #hold == batch then
      made = made + 1
      requests[made] = format(hold)
      hold = {}
    end
  end
  spare = wrk.format("GET", lucid and "/healthz" or "/health")
end

function request()
  if sent < made then
    sent = sent + 1
    local text = requests[sent]
    requests[sent] = false
    return text
  end
  idle = idle + 1
  return spare
end

function done(summary, latency)
  io.write(string.format(
    "RESULT requests %d duration_us %d p50_us %d p99_us %d " ..
    "status_errors %d socket_errors %d idle %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    thread:get("idle")))
end
