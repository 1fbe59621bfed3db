-- Sessions that go on, or begin.  wrk ... -- refresh TOKEN,TOKEN,...   |   login EMAIL PASSWORD   |   read PATH
-- Each refresh sends a token that an answer before it gave: as many are on their way as there are connections.
local kind, waiting, body, path

function init(args)
  kind = args[1]
  wrk.headers["Content-Type"] = "application/json"
  if kind == "refresh" then
    waiting = {}
    for token in args[2]:gmatch("[^,]+") do waiting[#waiting + 1] = token end
    path = "/auth/v1/token?grant_type=refresh_token"
  elseif kind == "login" then
    body = '{"email":"' .. args[2] .. '","password":"' .. args[3] .. '"}'
    path = "/auth/v1/token?grant_type=password"
  else
    path = args[2]
  end
end

function request()
  if kind == "read" then return wrk.format("GET", path) end
  if kind == "refresh" then body = '{"refresh_token":"' .. table.remove(waiting, 1) .. '"}' end
  return wrk.format("POST", path, nil, body)
end

function response(status, headers, answer)
  if kind == "refresh" then waiting[#waiting + 1] = answer:match('"refresh_token":"([^"]+)"') end
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"answers": %d, "seconds": %.6f, "failed": %d, "p99_ms": %.2f}\n',
    summary.requests - errors.status, summary.duration / 1e6, failed, latency:percentile(99) / 1000))
end
