-- sweep: deletes connections that are closing, and all UDP, for a cron job.
-- @class change
--
--   ctsh scripts/sweep.lua       says nothing unless something is wrong
--   ctsh scripts/sweep.lua -v    says in one line what it did
--   ctsh scripts/sweep.lua -n    shows what it would do, and what part of the table that is
--
-- One that is still running is left to it.
local mode = arg[1]
if mode and mode ~= "-v" and mode ~= "-n" then error("usage: sweep.lua [-v | -n]", 0) end

local closing, udp = "tcp and state in {TIME_WAIT, CLOSE_WAIT, FIN_WAIT}", "udp"
if mode == "-n" then
  print((flows:where(closing):delete() + flows:where(udp):delete()):preview(0))
  exit(0)
end

local lock = fs.lock("/run/lock/ctsh-sweep")
if not lock then exit(0) end
local result = flows:where(closing .. " or " .. udp):delete():apply{max = 1e6}
lock:release()
if mode == "-v" then print(result) end
