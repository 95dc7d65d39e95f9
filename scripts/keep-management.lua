-- keep-management: deletes every flow but those that come to this machine on
-- management ports, and your own session.
-- @class change
--
--   ctsh scripts/keep-management.lua 22 443          deletes
--   ctsh --dry-run scripts/keep-management.lua 22    only says what it would do
--
-- A flow is kept where it is TCP, its destination is an address of this machine
-- and the port is one of those given. A forwarded connection to port 22 of
-- another machine goes. Both families, all zones.
local ports = {}
for i, text in ipairs(arg) do
  local port = tonumber(text)
  if not port or port % 1 ~= 0 or port < 1 or port > 65535 then
    error("usage: keep-management.lua PORT...: " .. text .. " is no port", 0)
  end
  ports[i] = port
end
if #ports == 0 then error("usage: keep-management.lua PORT...: no port is given, so all would go", 0) end

local kept = flows:where("tcp and dport in $1 and dir in {in, loopback}", ports)
local n = kept:count()
local result = (flows - kept):delete():apply{max = ct.usage().count + 10000}
print(("kept %d, %s"):format(n + result.protected, tostring(result)))
