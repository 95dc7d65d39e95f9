-- addr: small questions about addresses, for scripts.
local addr = {}

-- addr.is4(text): whether text looks like an IPv4 address rather than IPv6.
function addr.is4(text)
  return text:find(":", 1, true) == nil
end

-- addr.end_(address, port): "10.0.0.1:80" or "[fd00::1]:80"; without a port the
-- address alone.
function addr.end_(address, port)
  if port == nil then return address end
  if addr.is4(address) then return address .. ":" .. port end
  return "[" .. address .. "]:" .. port
end

-- groups are the eight numbers of an IPv6 address that is known to be right.
local function groups(text)
  text = text:lower():gsub("(%d+)%.(%d+)%.(%d+)%.(%d+)$", function(a, b, c, d)
    return ("%x:%x"):format(a * 256 + b, c * 256 + d)
  end)
  local function numbers(part)
    local list = {}
    for hex in part:gmatch("%x+") do list[#list + 1] = tonumber(hex, 16) end
    return list
  end
  local head, tail = text:match("^(.-)::(.*)$")
  local list, last = numbers(head or text), numbers(tail or "")
  while #list + #last < 8 do list[#list + 1] = 0 end
  for _, n in ipairs(last) do list[#list + 1] = n end
  return list
end

-- addr.parse(text) -> text or nil: the address as flows have it, so that
-- "FD00:0::3" can be compared with their "fd00::3"; nil for what is no address.
function addr.parse(text)
  if type(text) ~= "string" or not pcall(flows.where, flows, "src == $1", text) then return nil end
  if addr.is4(text) then return text end
  local list = groups(text)
  local zeros = 0
  while list[zeros + 1] == 0 do zeros = zeros + 1 end
  if zeros == 5 and list[6] == 0xffff then -- IPv4 within IPv6
    return ("%d.%d.%d.%d"):format(math.floor(list[7] / 256), list[7] % 256, math.floor(list[8] / 256), list[8] % 256)
  end
  -- The first of the longest runs of two zeros or more is left out.
  local from, long, run = nil, 1, 0
  for i = 1, 8 do
    run = list[i] == 0 and run + 1 or 0
    if run > long then from, long = i - run + 1, run end
    list[i] = ("%x"):format(list[i])
  end
  if not from then return table.concat(list, ":") end
  return table.concat(list, ":", 1, from - 1) .. "::" .. table.concat(list, ":", from + long)
end

return addr
