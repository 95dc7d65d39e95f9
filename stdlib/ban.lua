-- ban: keeps an address out, by a set of the firewall that a rule drops, and by
-- deleting the flows that it has.
--
-- Deleting alone stops nobody: the next packet makes a new flow, and a live
-- connection often just goes on. The set alone stops nobody either who comes in by
-- a rule before it, such as "ct state established accept". So a ban is refused
-- where no rule before that uses the set.
--
--   local ban = require "ban"
--   ban.add("198.51.100.66", {timeout = "1h"}):apply()
--   ban.remove("198.51.100.66"):apply()
--   for _, e in ipairs(ban.list()) do print(e.element, e.expires) end
--
-- The rules for it, once:
--
--   table inet filter {
--     set banned  { type ipv4_addr; flags timeout; }
--     set banned6 { type ipv6_addr; flags timeout; }
--     chain banned_in {
--       type filter hook prerouting priority raw;
--       ip saddr @banned drop;  ip6 saddr @banned6 drop
--     }
--     chain banned_out {
--       type filter hook postrouting priority raw;
--       ip daddr @banned drop;  ip6 daddr @banned6 drop
--     }
--   }
local ban = {}

-- The sets that are used where none are named: one for IPv4 and one for IPv6.
ban.sets = {"inet filter banned", "inet filter banned6"}

local function family(address)
  return address:find(":", 1, true) and "ipv6_addr" or "ipv4_addr"
end

-- find returns the set among those named in options that takes an address.
local function find(address, options)
  local names = options.sets or ban.sets
  for _, name in ipairs(names) do
    local set = nft.set(name)
    if set.type == family(address) then return set end
  end
  error(("ban: none of %s holds addresses such as %s"):format(table.concat(names, ", "), address), 3)
end

-- ban.check(address, options): how the rules treat what is in the set of an
-- address, as nft.uses says it.
function ban.check(address, options)
  return nft.uses(find(address, options or {}))
end

-- unheld says why the rules would let flows of a banned address go on, nil where
-- they do not.
local function unheld(uses, its)
  if not uses.effective then return uses.reason end
  local way = {["in"] = "input", loopback = "input", forward = "forward"}
  for _, row in ipairs(its:by("dir"):count():list()) do
    local hook = way[row.dir]
    if hook and not uses.hooks[hook].source then
      return ("%d of its flows come in at %s, where nothing drops them"):format(row.n, hook)
    end
  end
end

-- ban.add(address, options) -> plan: adds an address to its set, for a time
-- (timeout = "1h") or for ever, and deletes its flows in both directions.
--
-- It raises where no rule drops what is in the set before established
-- connections are accepted, and for the address that you are logged in from;
-- with options.force it does neither.
function ban.add(address, options)
  options = options or {}
  local ok, its = pcall(function() return flows:where("src == $1 or rsrc == $1", address) end)
  if not ok then error(("ban: %q is no address"):format(tostring(address)), 2) end
  local set = find(address, options)
  if not options.force then
    local reason = unheld(nft.uses(set), its)
    if not reason and ct.me:where("host == $1", address):any() then
      reason = "you are logged in from " .. address
    end
    if reason then error("ban: " .. reason .. "; nothing is changed", 2) end
  end
  return set:add(address, {timeout = options.timeout}) + its:delete()
end

-- ban.remove(address, options) -> plan: takes an address out of its set.
function ban.remove(address, options)
  return find(address, options or {}):delete(address)
end

-- ban.list(options): what is banned, as rows {element, timeout, expires}.
function ban.list(options)
  local all = {}
  for _, name in ipairs((options or {}).sets or ban.sets) do
    for _, e in ipairs(nft.set(name):list()) do all[#all + 1] = e end
  end
  return all
end

return ban
