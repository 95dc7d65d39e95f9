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
-- Options: timeout, for how long; sets, names of other sets; own, also an address
-- of this machine; force, also where the rules do not keep it out.
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
local addr, args = require "addr", require "args"
local ban = {}

-- The sets that are used where none are named: one for IPv4 and one for IPv6.
ban.sets = {"inet filter banned", "inet filter banned6"}

-- Errors print as those of ctsh do. where is the line that called this module.
local failure = {__tostring = function(e)
  return (e.where and e.where .. ": " or "") .. e.op .. ": " .. e.msg .. (e.hint and "; " .. e.hint or "")
end}

local here = debug.getinfo(1, "S").source

local function raise(e)
  for level = 2, 20 do
    local at = debug.getinfo(level, "Sl")
    if not at then break end
    if at.source ~= here and at.currentline > 0 then
      e.where = at.source .. ":" .. at.currentline
      break
    end
  end
  error(setmetatable(e, failure), 0)
end

local function shown(v)
  if type(v) == "string" then return args.shown(v) end
  if type(v) ~= "table" then return tostring(v) end
  return next(v) == nil and "an empty table" or "a table"
end

-- Of a duration timeout knows, and has no time for one of 0.
local function duration(v) return (pcall(timeout, v, function() end)) end

-- What each option has to be.
local kinds = {
  timeout = {"a duration above 0, as in \"1h\"", duration},
  force = {"true or false", function(v) return type(v) == "boolean" end},
  own = {"true or false", function(v) return type(v) == "boolean" end},
  sets = {"a list of names, as in {\"inet filter banned\"}", function(v)
    if type(v) ~= "table" or #v == 0 then return false end
    for k, name in pairs(v) do
      if type(k) ~= "number" or type(name) ~= "string" then return false end
    end
    return true
  end},
}

-- checked returns options, {} for nil. An option that is misspelt would be left
-- out, and a ban for an hour be one for ever.
local function checked(op, options, ...)
  local known = {...}
  local hint = "options are " .. table.concat(known, ", ")
  if options == nil then return {} end
  if type(options) ~= "table" then
    raise{code = "ETYPE", op = op, msg = "options: want a table, got " .. shown(options), hint = hint}
  end
  for name, value in pairs(options) do
    local ok = false
    for _, k in ipairs(known) do ok = ok or k == name end
    if not ok then
      raise{code = "EFIELD", op = op, msg = "unknown option " .. shown(name), hint = args.suggest(name, known) or hint}
    end
    if not kinds[name][2](value) then
      raise{code = "ETYPE", op = op, msg = ("%s: want %s, got %s"):format(name, kinds[name][1], shown(value))}
    end
  end
  return options
end

local function parsed(op, address)
  local a = addr.parse(address)
  if a then return a end
  local network = type(address) == "string" and address:find("/", 1, true)
  raise{code = "ETYPE", op = op, msg = "want an address, got " .. shown(address),
    hint = network and "networks are for a set with flags interval: nft.set(name):add" or 'as in "198.51.100.66" or "2001:db8::7"'}
end

local function kind(address) return addr.is4(address) and "ipv4_addr" or "ipv6_addr" end

-- known is a set, nil where there is none of that name.
local function known(name)
  local ok, set = pcall(nft.set, name)
  if ok then return set end
  if set.code ~= "ENOENT" then error(set, 0) end
end

-- ban.rules(set, holds) -> text: the commands that make a set and the rules for
-- it, nil where no set has such a name. holds is ipv4_addr or ipv6_addr.
function ban.rules(name, holds)
  local family, tab, set = name:match("^(%S+) (%S+) (%S+)$")
  if not family then family, tab, set = "inet", name:match("^(%S+) (%S+)$") end
  if not set then return nil end
  local ip = holds == "ipv6_addr" and "ip6" or "ip"
  local at = family .. " " .. tab .. " "
  return table.concat({
    "nft add table " .. family .. " " .. tab,
    ("nft add set %s%s '{ type %s; flags timeout; }'"):format(at, set, holds),
    ("nft add chain %s%s_in '{ type filter hook prerouting priority raw; }'"):format(at, set),
    ("nft add rule %s%s_in %s saddr @%s drop"):format(at, set, ip, set),
    ("nft add chain %s%s_out '{ type filter hook postrouting priority raw; }'"):format(at, set),
    ("nft add rule %s%s_out %s daddr @%s drop"):format(at, set, ip, set),
  }, "\n")
end

-- missing raises that a set is not there, with the commands that make it.
local function missing(op, name, holds)
  local names = {}
  for i, set in ipairs(nft.sets()) do names[i] = set.name end
  local near = name ~= ban.sets[1] and name ~= ban.sets[2] and args.suggest(name, names)
  raise{code = "ENOENT", op = op, msg = ("no set %q of %s"):format(name, holds), hint = near or "ban.rules says how to make it",
    commands = ban.rules(name, holds), status = 3}
end

-- find returns the set among those named in options that takes an address.
local function find(op, address, options)
  local names, wanted, absent = options.sets or ban.sets, kind(address), nil
  for i, name in ipairs(names) do
    local set = known(name)
    if set and set.type == wanted then return set end
    -- The default for IPv6 is the second one.
    if not set and (not absent or not options.sets and i == 2 and wanted == "ipv6_addr") then absent = name end
  end
  if absent then missing(op, absent, wanted) end
  raise{code = "ETYPE", op = op, msg = ("none of the sets %s holds addresses such as %s"):format(table.concat(names, ", "), address),
    hint = "a set of type " .. wanted .. " does"}
end

-- ban.check(address, options): how the rules treat what is in the set of an
-- address, as nft.uses says it.
function ban.check(address, options)
  options = checked("ban.check", options, "sets")
  return nft.uses(find("ban.check", parsed("ban.check", address), options))
end

-- ours says why an address is one of this machine, nil where it is not. Its
-- flows tell in whatever network namespace they are; ip knows of the one that
-- ctsh was started in, and also addresses without a flow.
local function ours(address, its)
  if address:find("^127%.") or address == "::1" then return "is this machine itself" end
  if address == "0.0.0.0" or address == "::" then return "is no single address" end
  local mine = its:where("src == $1 and dir in {out, loopback} or rsrc == $1 and dir in {in, loopback}", address):any()
  local exec = rawget(_G, "exec")
  if not mine and exec then
    local ok, ip = pcall(exec, {"ip", "-o", "addr", "show", "to", address, timeout = "5s"})
    mine = ok and ip.ok and ip.out ~= ""
  end
  return mine and "is an address of this machine" or nil
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
-- It raises EGUARD where no rule drops what is in the set before established
-- connections are accepted, and for the address that you are logged in from;
-- with force = true it does neither. It raises EGUARD for an address of this
-- machine; with own = true it does not.
function ban.add(address, options)
  local op = "ban.add"
  options = checked(op, options, "timeout", "sets", "force", "own")
  address = parsed(op, address)
  local its = flows:where("src == $1 or rsrc == $1", address)
  local reason = not options.own and ours(address, its)
  if reason then
    raise{code = "EGUARD", op = op, msg = address .. " " .. reason .. "; nothing is changed", hint = "option own bans it all the same"}
  end
  local set = find(op, address, options)
  if not options.force then
    local commands
    reason = unheld(nft.uses(set), its)
    if reason then
      commands = ban.rules(set.name, set.type)
    elseif ct.me:where("host == $1", address):any() then
      reason = "you are logged in from " .. address
    end
    if reason then
      raise{code = "EGUARD", op = op, msg = reason .. "; nothing is changed", hint = "option force bans it all the same", commands = commands}
    end
  end
  return set:add(address, {timeout = options.timeout}) + its:delete()
end

-- ban.remove(address, options) -> plan: takes an address out of its set.
function ban.remove(address, options)
  options = checked("ban.remove", options, "sets")
  address = parsed("ban.remove", address)
  return find("ban.remove", address, options):delete(address)
end

-- ban.list(options): what is banned, as rows {element, timeout, expires}.
function ban.list(options)
  local names, all, any = checked("ban.list", options, "sets").sets or ban.sets, {}, false
  for _, name in ipairs(names) do
    local set = known(name)
    any = any or set ~= nil
    for _, e in ipairs(set and set:list() or {}) do all[#all + 1] = e end
  end
  if not any then missing("ban.list", names[1], "ipv4_addr") end
  return all
end

return ban
