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

return addr
