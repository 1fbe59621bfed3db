-- Requests that differ in one value.  wrk ... -- KIND PATH ...
--   number PATH LOW HIGH [REST]   PATH followed by an integer, and what comes behind it
--   moment PATH LOW HIGH   PATH followed by a moment, given in seconds since 1970
--   document PATH LOW HIGH JSON   POST of a document (as a JSON text), its variable `before` an integer
--   insert PATH ID,ID,...  POST of a comment below one of these posts
local kind, path, low, span, ids, document
local turn = 0
local STEP = 7919 -- prime: neighbours in time are no neighbours in the table, and no value comes again soon

function init(args)
  kind, path = args[1], args[2]
  turn = os.time() % 1000
  if kind == "insert" then
    ids = {}
    for id in args[3]:gmatch("%d+") do ids[#ids + 1] = id end
    wrk.headers["Content-Type"] = "application/json"
  else
    low = tonumber(args[3])
    span = tonumber(args[4]) - low
    document = args[5]
    if kind == "document" then wrk.headers["Content-Type"] = "application/json" end
  end
end

function request()
  turn = turn + 1
  if kind == "insert" then
    local body = '{"post_id": ' .. ids[turn * STEP % #ids + 1] .. ', "body": "Comment number ' .. turn .. '"}'
    return wrk.format("POST", path, nil, body)
  end
  local value = low + turn * STEP * (kind == "moment" and 61 or 1) % span
  if kind == "document" then
    local body = '{"query": ' .. document .. ', "variables": {"before": ' .. string.format("%d", value) .. '}}'
    return wrk.format("POST", path, nil, body)
  end
  if kind == "moment" then return wrk.format("GET", path .. os.date("!%Y-%m-%dT%H:%M:%SZ", value)) end
  return wrk.format("GET", path .. string.format("%d", value) .. (document or ""))
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"answers": %d, "seconds": %.6f, "failed": %d, "p99_ms": %.2f}\n',
    summary.requests - errors.status, summary.duration / 1e6, failed, latency:percentile(99) / 1000))
end
