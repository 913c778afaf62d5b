-- wrk script: requests of a file, turn by turn. Environment:
--   REQUESTS  file: a path a line, perhaps a tab and the value of PAYMENT-SIGNATURE
-- Requests are formatted before the clock starts.
function init(args)
  requests, at = {}, 0
  for line in io.lines(os.getenv("REQUESTS")) do
    local path, payment = line:match("^([^\t]+)\t?(.*)$")
    local headers = {}
    if payment ~= "" then headers["PAYMENT-SIGNATURE"] = payment end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
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
