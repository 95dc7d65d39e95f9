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
local path = arg[1] or error("usage: udp-reconcile.lua FILE", 0)
local want = json.decode(fs.read(path))

local function set(list)
  local found, any = {}, false
  for _, address in ipairs(list) do found[address], any = true, true end
  return any and found or nil
end

local ports, services, nodes = {}, {}, {}
for name, list in pairs(want.services or {}) do
  local address, port = name:match("^%[(.+)%]:(%d+)$")
  if not address then address, port = name:match("^([%d.]+):(%d+)$") end
  if not address then error(path .. ": " .. name .. " is no ADDRESS:PORT", 0) end
  services[address .. " " .. port] = set(list)
  ports[#ports + 1] = tonumber(port)
end
for port, list in pairs(want.nodePorts or {}) do
  if not tonumber(port) then error(path .. ": " .. port .. " is no port", 0) end
  nodes[tonumber(port)] = set(list)
  ports[#ports + 1] = tonumber(port)
end
if #ports == 0 then exit(0) end

local stale = flows:where("udp and dport in $1", ports):where(function(dst, dport, rsrc)
  local serving = services[dst .. " " .. dport] or nodes[dport]
  return serving ~= nil and not serving[rsrc]
end)
local result = stale:delete():apply{max = 1e6}
if result.matched > 0 then print(result) end
