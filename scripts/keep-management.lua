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
local opt = require "args"{
  "deletes every flow but TCP to this machine on some ports, and your own session",
  {"PORT...", "port", "what to keep; at least one, or all would go"},
}

local kept = flows:where("tcp and dport in $1 and dir in {in, loopback}", opt.port)
local n = kept:count()
local result = (flows - kept):delete():apply{max = ct.usage().count + 10000}
print(("kept %d, %s"):format(n + result.protected, tostring(result)))
