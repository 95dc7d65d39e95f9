-- A mixed table of 179 flows: 166 of IPv4 and 13 of IPv6; 143 TCP (124
-- SYN_SENT, 10 ESTABLISHED, 4 TIME_WAIT, 3 CLOSE_WAIT, 2 FIN_WAIT), 35 UDP and
-- one ICMP; 20 translated, 5 marked, 3 in zones.

local function flow(t)
	if t.replied == nil then t.replied, t.assured = true, true end
	t.timeout = t.timeout or 600
	ct.create(t):apply()
end

local function tcp(src, dst, sport, dport, state, more)
	local t = more or {}
	t.proto, t.src, t.dst, t.sport, t.dport, t.state = "tcp", src, dst, sport, dport, state
	flow(t)
end

local function udp(src, dst, sport, dport, more)
	local t = more or {}
	t.proto, t.src, t.dst, t.sport, t.dport = "udp", src, dst, sport, dport
	flow(t)
end

local function half() return {replied = false, assured = false} end

-- to this machine, through it, and translated
tcp("198.51.100.7", "192.0.2.1", 50001, 22, "ESTABLISHED", {timeout = 432000})
tcp("198.51.100.7", "192.0.2.1", 50002, 80, "ESTABLISHED", {timeout = 432000})
tcp("198.51.100.8", "192.0.2.1", 50003, 443, "ESTABLISHED", {timeout = 1000})
tcp("2001:db8::7", "2001:db8::1", 50001, 22, "ESTABLISHED", {timeout = 432000})
tcp("2001:db8::7", "2001:db8::1", 50002, 443, "ESTABLISHED", {timeout = 432000})
tcp("10.0.0.5", "203.0.113.9", 40000, 22, "ESTABLISHED", {timeout = 432000})
tcp("10.0.0.5", "203.0.113.10", 40001, 443, "ESTABLISHED", {timeout = 300, nat_src = "192.0.2.1", nat_sport = 61001})
udp("10.0.0.6", "203.0.113.53", 5353, 53, {nat_src = "192.0.2.1", nat_sport = 61002})
udp("10.0.0.7", "203.0.113.60", 5060, 5060, {nat_src = "192.0.2.99", nat_sport = 5060})

-- a service with a stale and a serving endpoint
for i = 1, 5 do
	udp("10.244.0." .. i, "10.96.0.10", 40000 + i, 53, {nat_dst = i <= 3 and "10.244.1.2" or "10.244.1.3", nat_dport = 5353})
end
udp("198.51.100.20", "192.0.2.1", 33333, 30053, {nat_dst = "10.244.1.2", nat_dport = 5353})

-- connections that end
for i = 1, 4 do tcp("10.1.0." .. i, "192.0.2.80", 30000 + i, 80, "TIME_WAIT") end
for i = 1, 3 do tcp("10.1.0." .. i, "192.0.2.80", 31000 + i, 80, "CLOSE_WAIT") end
for i = 1, 2 do tcp("10.1.0." .. i, "192.0.2.80", 32000 + i, 80, "FIN_WAIT") end

-- connections that only one side asked for
tcp("21.73.193.93", "21.71.0.65", 1413, 443, "SYN_SENT", half())
tcp("21.73.193.93", "21.71.0.65", 1414, 443, "SYN_SENT", half())
tcp("10.3.0.1", "10.4.0.1", 1413, 443, "SYN_SENT", half())
tcp("21.73.193.94", "21.71.0.65", 1413, 443, "SYN_SENT", {replied = false, assured = false, nat_dst = "10.244.1.9", nat_dport = 8443})
udp("10.0.0.8", "203.0.113.53", 1111, 53, half())
udp("2001:db8::8", "2001:db8:53::1", 1111, 53, half())
flow{proto = "icmp", src = "10.0.0.9", dst = "203.0.113.1", icmp_type = 8, icmp_id = 77, replied = false}

-- marks, and one tuple in two zones
for i = 1, 3 do udp("10.5.0." .. i, "203.0.113.70", 7000, 7000, {mark = 0xc9}) end
for i = 1, 2 do udp("10.5.1." .. i, "203.0.113.70", 7000, 7000, {mark = 0xca}) end
tcp("10.6.0.1", "10.6.0.2", 999, 22, "ESTABLISHED", {timeout = 400, zone = 4097})
tcp("10.6.0.1", "10.6.0.2", 999, 22, "ESTABLISHED", {timeout = 400, zone = 4098})
tcp("10.6.0.3", "10.6.0.2", 999, 22, "ESTABLISHED", {timeout = 400, zone = 4097})

-- a scanner: 5 destinations, 24 ports each
for port = 1, 120 do
	tcp("198.51.100.66", "192.0.2." .. 100 + port % 5, 20000 + port, port, "SYN_SENT", half())
end

-- a range of ports, translated in IPv4
for port = 20000, 20009 do
	udp("203.0.113.200", "192.0.2.1", port, port, {nat_dst = "192.0.2.1", nat_dport = 443})
	udp("2001:db8:2::1", "2001:db8::1", port, port)
end
