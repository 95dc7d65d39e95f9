-- save-flows: writes the table to a file, to be restored after a warm reboot.
-- @class read
--
--   ctsh scripts/save-flows.lua /var/lib/ctsh/flows               every flow
--   ctsh scripts/save-flows.lua /var/lib/ctsh/nat "snat or dnat"  those that match
local path, filter = arg[1] or error("usage: save-flows.lua FILE [FILTER]", 0), arg[2]
local n = flows:where(filter or ct.all):save(path)
print(("saved %d flows"):format(n))
