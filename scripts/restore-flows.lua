-- restore-flows: makes the flows of a file again that save-flows wrote, or
-- conntrack -L -o save. A flow that is there stays as it is, so that it can be
-- run twice.
-- @class change
--
--   ctsh scripts/restore-flows.lua /var/lib/ctsh/flows [READY-FILE]
--
-- The file is kept. READY-FILE is made once all is done, for who waits for it.
local path, ready = arg[1] or error("usage: restore-flows.lua FILE [READY-FILE]", 0), arg[2]
local result = ct.restore(path):apply()
print(result)
if result.failed > 0 or result.unknown > 0 or result.dry_run then exit(result.dry_run and 0 or 6) end
if ready then fs.write(ready, "") end
