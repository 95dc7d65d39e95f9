-- sweep: deletes connections that are closing, and all UDP, for a cron job.
-- @class change
--
--   ctsh scripts/sweep.lua       says nothing unless something is wrong
--   ctsh scripts/sweep.lua -v    says in one line what it did
--   ctsh scripts/sweep.lua -n    shows what it would do, and what part of the table that is
--
-- One that is still running is left to it.
local args = require "args"
local opt = args{
  "deletes TCP connections that are closing, and all UDP; a run meanwhile does nothing",
  n = {"flag", false, "shows what would go, and changes nothing"},
  v = {"flag", false, "says in one line what it did"},
  lock = {"text", "/run/lock/ctsh-sweep", "the file that keeps runs apart"},
}

-- Who may not read the table learns that, rather than who owns the lock.
args.must(flows.any, flows)

local closing, udp = "tcp and state in {TIME_WAIT, CLOSE_WAIT, FIN_WAIT}", "udp"
if opt.n then
  print((flows:where(closing):delete() + flows:where(udp):delete()):preview(0))
  exit(0)
end

local locked, lock = pcall(fs.lock, opt.lock)
if not locked then -- in a user namespace, as of --scratch, the numbers of users mislead
  args.fail{code = lock.code, msg = lock.msg, hint = "name another with --lock"}
end
if not lock then
  if opt.v then print("another run holds " .. opt.lock .. ": nothing is done") end
  exit(0)
end
local result = flows:where(closing .. " or " .. udp):delete():apply{max = 1e6}
lock:release()
if opt.v then print(result) end
