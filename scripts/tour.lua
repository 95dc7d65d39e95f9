-- tour: fills a table, asks it questions, changes it and watches it change.
-- Run it where nothing is at stake:  go run ./cmd/ctsh --scratch scripts/tour.lua
require "args"{"fills the table, asks it questions, changes it and watches it change: only for ctsh --scratch"}

local function title(text) print("\n-- " .. text) end

-- First of all, because flows born before the first listener stay silent
-- (nf_conntrack_events=2, the kernel's default).
local seen = {}
local watching = on("destroy", {proto = "udp"}, function(ev) seen[#seen + 1] = ev end)

title("fill: 300 UDP flows to a resolver, 20 TCP ones through NAT, and one of IPv6")
for i = 1, 300 do
  ct.create{proto = "udp", src = "10.0.0." .. (i % 5 + 1), sport = 20000 + i,
            dst = "192.0.2.53", dport = 53, timeout = "5m", mark = i % 3}:apply()
end
for i = 1, 20 do
  ct.create{proto = "tcp", src = "10.0.1." .. i, sport = 40000, dst = "198.51.100.7", dport = 443,
            state = "ESTABLISHED", assured = true, timeout = "2h",
            nat_src = "203.0.113.1", nat_sport = 50000 + i}:apply()
end
ct.create{proto = "tcp", src = "fd00::1", sport = 4000, dst = "fd00::2", dport = 22,
          state = "ESTABLISHED", assured = true, timeout = "2h"}:apply()
print(("%d flows, %.2f %% of the table"):format(flows:count(), 100 * ct.usage().ratio))

title("query: one flow by its tuple, then the NATed ones by what the outside sees")
print(ct.get{proto = "tcp", src = "fd00::1", sport = 4000, dst = "fd00::2", dport = 22})
flows:where{nat_src = "203.0.113.1", nat_sport = {50001, 50002}}:print()

title("group: who asks the resolver most, and what the table is made of")
flows:where("udp and dport == domain"):by("src"):count():top(5):print()
flows:by("proto, svc"):agg{n = "count", sources = "uniq(src)"}:sort("-n"):print()
print(flows:where("udp"):by("src"):count():explain())

title("change: a plan can be looked at, and does nothing until it is applied")
local stale = flows:where{proto = "udp", mark = 1}
local plan = stale:delete()
print(plan)
print(stale:count() .. " flows are still there")
print(plan:apply())
print(flows:where{proto = "tcp", dport = 443}:update{mark = "0x20/0xf0"}:apply())

title("mistakes are refused before anything happens")
for _, mistake in ipairs{
  function() return flows:where{} end,
  function() return flows:where{dprot = 53} end,
  function() return flows:where{src = "10.0.0.1", dst = "fd00::2"} end,
  function() return flows:where{dport = 65536} end,
} do
  local ok, err = pcall(mistake)
  assert(not ok)
  print(err.code, err.msg .. (err.hint and "; " .. err.hint or ""))
end

title("watch: what was deleted has been seen")
local patience = 0
while #seen < 100 and patience < 100 do
  sleep("20ms")
  patience = patience + 1
end
print(#seen .. " destroy events, the last of them: " .. tostring(seen[#seen]))
watching:stop()
