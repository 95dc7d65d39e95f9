-- ban: keeps an address out for a while, or lets it in again: for fail2ban and
-- the like. The sets and the rules that it needs are in require "ban".
-- @class change
--
--   ctsh scripts/ban.lua 198.51.100.66 10m     bans it for ten minutes
--   ctsh scripts/ban.lua 198.51.100.66         for ever
--   ctsh scripts/ban.lua -d 198.51.100.66      lets it in again
--   ctsh scripts/ban.lua                       lists who is banned
--
-- It is no error where the address has no flow. Where the rules do not keep it
-- out, it says why, what to do about it, and changes nothing.
local args, ban = require "args", require "ban"
local opt = args{
  "keeps an address out: in a set of the firewall, and its flows are deleted",
  {"[ADDRESS]", "address", "whom to ban; without one, who is banned is listed"},
  {"[TIME]", "duration", "for how long, as in 10m; for ever if not given"},
  d = {"flag", false, "lets it in again"},
  force = {"flag", false, "also where the rules do not keep it out, or you are logged in from it"},
  own = {"flag", false, "also an address of this machine"},
}
if opt.d and not opt.address then args.usage("-d wants an ADDRESS") end
if opt.d and opt.time then args.usage("-d takes no TIME") end

args.must(function()
  if not opt.address then
    for _, e in ipairs(ban.list()) do print(e.element, e.expires or "") end
  elseif opt.d then
    print(ban.remove(opt.address):apply())
  else
    print(ban.add(opt.address, {timeout = opt.time, force = opt.force, own = opt.own}):apply{max = 1e6})
  end
end)
