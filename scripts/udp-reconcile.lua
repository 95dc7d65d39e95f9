-- udp-reconcile: deletes UDP flows to services whose backend is no longer
-- serving, so that clients find a new one.
-- @class change
--
--   ctsh scripts/udp-reconcile.lua services.json
--
-- The file says which addresses serve what:
--
--   {"services":  {"10.96.0.10:53": ["10.244.1.3"], "[fd00::a]:53": ["fd00::3"]},
--    "nodePorts": {"30053": ["10.244.1.3"]}}
--
-- A flow goes where it was sent to a service and is answered by an address that
-- is not in its list. A service without any address is left alone: it would only
-- lose its clients. The table is read once, whatever the number of services.
local addr, args = require "addr", require "args"
local opt = args{
  "deletes UDP flows to services that are answered by who no longer serves",
  {"FILE", "text", 'JSON: {"services": {"10.96.0.10:53": ["10.244.1.3"]}, "nodePorts": {"30053": ["10.244.1.3"]}}'},
  node = {"address...", nil, "an address of this node; if none is given, what was translated here or ends here"},
}
local want = args.must(function() return json.decode(fs.read(opt.file), {null = true}) end)

local function refuse(...) args.fail{code = "EPARSE", msg = opt.file .. ": " .. table.concat({...}, " ")} end

-- Arrays are tables with a metatable, objects have none.
local function object(what, value)
  if type(value) ~= "table" or getmetatable(value) then refuse(what, "is no object {...}") end
  return value
end

local function set(name, list)
  if type(list) ~= "table" or not getmetatable(list) then refuse(args.shown(name), "has no list [...]") end
  local found = {}
  for _, text in ipairs(list) do
    found[addr.parse(text) or refuse(args.shown(name), "lists", args.shown(tostring(text)), "which is no address")] = true
  end
  return next(found) and found
end

for key in pairs(object("what it holds", want)) do
  if key ~= "services" and key ~= "nodePorts" then
    refuse("unknown key", args.shown(key) .. ";", args.suggest(key, {"services", "nodePorts"}) or "want services and nodePorts")
  end
end

local ports, services, node_ports, there = {}, {}, {}, {}
local function add(to, key, name, list)
  if there[key] then refuse(args.shown(name), "is there twice") end
  there[key], to[key] = true, set(name, list)
end
local function port(name, text)
  local n = text and text:find("^%d+$") and tonumber(text)
  if not n or n < 1 or n > 65535 then refuse(args.shown(name), "has no port from 1 to 65535") end
  ports[#ports + 1] = n
  return n
end
for name, list in pairs(object("services", want.services == nil and {} or want.services)) do
  local address, number = name:match("^%[(.+)%]:(%d+)$")
  if not address then address, number = name:match("^([%d.]+):(%d+)$") end
  address = addr.parse(address) or refuse(args.shown(name), "is no ADDRESS:PORT")
  add(services, address .. " " .. port(name, number), name, list)
end
for name, list in pairs(object("nodePorts", want.nodePorts == nil and {} or want.nodePorts)) do
  add(node_ports, port(name, name), name, list)
end
if #ports == 0 then exit(0) end

-- here tells whether a flow was sent to this node. One that only passes by to
-- the same port of another machine is answered by that machine.
local nodes = {}
for _, address in ipairs(opt.node or {}) do nodes[address] = true end
local function here(dst, rsrc, dir)
  if opt.node then return nodes[dst] end
  return dst ~= rsrc or dir == "in" or dir == "loopback"
end

local stale = flows:where("udp and dport in $1", ports):where(function(dst, dport, rsrc, dir)
  local serving = services[dst .. " " .. dport] or here(dst, rsrc, dir) and node_ports[dport]
  return serving and not serving[rsrc]
end)
local result = stale:delete():apply{max = 1e6}
if result.matched > 0 then print(result) end
