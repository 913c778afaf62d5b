-- wrk script: one request again and again. Environment:
--   BODY  file with what is posted to /v1/passports/verify
local body

function init(args)
  local file = assert(io.open(os.getenv("BODY"), "rb"))
  body = wrk.format("POST", "/v1/passports/verify", {["Content-Type"] = "application/json"},
                    file:read("a"))
  file:close()
end

function request() return body end

function done(summary, latency)
  io.write(string.format(
    "RESULT requests %d duration_us %d p50_us %d p99_us %d " ..
    "status_errors %d socket_errors %d idle 0 bytes %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.bytes))
end
