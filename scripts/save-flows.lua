-- save-flows: writes the table to a file, to be restored after a warm reboot.
-- @class read
--
--   ctsh scripts/save-flows.lua /var/lib/ctsh/flows               every flow
--   ctsh scripts/save-flows.lua /var/lib/ctsh/nat snat or dnat    those that match
local args = require "args"
local opt = args{
  "writes flows to a file, for restore-flows",
  {"FILE", "text", "is replaced at once, when all is written"},
  {"[FILTER...]", "text", "which flows, as in: udp and dport == 53; every one if not given. All that follows FILE is the filter"},
}
local filter = #opt.filter > 0 and table.concat(opt.filter, " ") or ct.all
local n = args.must(function() return flows:where(filter):save(opt.file) end)
print(("saved %d flows"):format(n))
