-- Asks Sekisho whether a request may pass: `http-request lua.sekisho ORIGIN`, where ORIGIN is the
-- broker's. The rules before it say which site it is, by X-Forwarded-Proto and X-Forwarded-Host; see
-- haproxy.md. For HAProxy 2.6 and later.

-- What the broker looks at.
local ASKED = {
  "authorization", "cookie", "accept", "sec-fetch-mode", "sec-fetch-dest", "x-requested-with",
  "x-forwarded-proto", "x-forwarded-host",
}
-- What the service is told.
local TOLD = {
  "x-auth-request-user", "x-auth-request-preferred-username", "x-auth-request-email",
  "x-auth-request-groups", "x-auth-request-authorization-details",
}
-- What a visitor who may not pass gets from the broker's answer.
local ANSWERED = { "location", "www-authenticate", "content-type", "cache-control" }
local STATUSES = { [303] = true, [400] = true, [401] = true, [403] = true }

-- The values of a header, in a list that begins with 1. HAProxy's own lists begin with 0.
local function values(headers, name)
  local found = {}
  for _, value in pairs((headers or {})[name] or {}) do
    table.insert(found, value)
  end
  return found
end

local function ask(txn, origin)
  local sent = txn.http:req_get_headers()
  local headers = {}
  for _, name in ipairs(ASKED) do
    local found = values(sent, name)
    if #found > 0 then headers[name] = found end
  end
  headers["x-forwarded-uri"] = { txn.f:pathq() }
  headers["x-forwarded-method"] = { txn.f:method() }
  return core.httpclient():get{
    url = origin .. "/access/v1/forward-auth", headers = headers, timeout = 5000,
  }
end

local function refuse(txn, answer)
  local known = answer ~= nil and STATUSES[answer.status]
  local reply = txn:reply{ status = known and answer.status or 503 }
  if known then
    for _, name in ipairs(ANSWERED) do
      for _, value in ipairs(values(answer.headers, name)) do reply:add_header(name, value) end
    end
    reply:set_body(answer.body or "")
  end
  txn:done(reply)
end

core.register_action("sekisho", { "http-req" }, function(txn, origin)
  local asked, answer = pcall(ask, txn, origin)
  if not asked or answer == nil or answer.status ~= 200 then
    return refuse(txn, asked and answer or nil)
  end
  for _, name in ipairs(TOLD) do
    txn.http:req_del_header(name)
    local found = values(answer.headers, name)
    if #found > 0 then txn.http:req_set_header(name, found[1]) end
  end
end, 1)
