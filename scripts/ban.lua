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
-- out, it says why and changes nothing.
local ban = require "ban"

if not arg[1] then
  for _, e in ipairs(ban.list()) do print(e.element, e.expires or "") end
elseif arg[1] == "-d" then
  local result = ban.remove(arg[2] or error("usage: ban.lua -d ADDRESS", 0)):apply()
  print(result)
else
  local result = ban.add(arg[1], {timeout = arg[2]}):apply{max = 1e6}
  print(result)
end
