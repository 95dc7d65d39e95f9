-- restore-flows: makes the flows of a file again that save-flows wrote, or
-- conntrack -L -o save. A flow that is there stays as it is, so that it can be
-- run twice.
-- @class change
--
--   ctsh scripts/restore-flows.lua /var/lib/ctsh/flows [READY-FILE]
--
-- The file is kept. READY-FILE is made once all is done, for who waits for it.
local args = require "args"
local opt = args{
  "makes the flows of a file again; one that is there stays as it is",
  {"FILE", "text", "what save-flows or conntrack -L -o save wrote; it is kept"},
  {"[READY-FILE]", "text", "is made once all is done"},
}
local result = args.must(function() return ct.restore(opt.file):apply() end)
print(result)
if result.dry_run then exit(0) end
if result.failed > 0 or result.unknown > 0 then exit(6) end
if opt.ready_file then fs.write(opt.ready_file, "") end
