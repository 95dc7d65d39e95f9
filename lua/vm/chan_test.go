package vm

import (
	"context"
	"testing"
)

func TestChannels(t *testing.T) {
	for _, c := range []struct{ name, source, stdout string }{
		{"pipeline", `
			local numbers, squares, producers, consumers = chan(16), chan(), {}, {}
			for p = 1, 4 do producers[p] = spawn(function() for i = p, 10000, 4 do numbers:send(i) end end) end
			for c = 1, 4 do consumers[c] = spawn(function()
				local last, n = 0, 0
				for v in numbers:iter() do squares:send(v * v) n = n + 1 end
				return n
			end) end
			spawn(function()
				for _, p in ipairs(producers) do p:wait() end
				numbers:close()
				local n = 0
				for _, c in ipairs(consumers) do n = n + c:wait() end
				squares:close()
				print(n)
			end)
			local sum, count = 0, 0
			for v in squares:iter() do sum, count = sum + v, count + 1 end
			print(sum, count)
			sleep("1ms")`, "10000\n333383335000\t10000\n"},
		{"length and text", `local c = chan(3) print(c, #c) c:send(1) c:send(2) print(c, #c) c:close() print(c, #c) print(c:recv(), #c)`,
			"chan 0/3\t0\nchan 2/3\t2\nchan 2/3, closed\t2\n1\t1\n"},
		{"false and tables go through", `local c, t = chan(2), {} c:send(false) c:send(t) print(c:recv()) print(c:recv() == t)`, "false\ttrue\ntrue\n"},
		{"closed", `local c = chan(1) c:close() c:close() print(c:recv()) print(select(2, pcall(c.send, c, 1)).code)`, "nil\tfalse\nEPIPE\n"},
		{"closed while one sends", `
			local c = chan()
			local t = spawn(function() c:send(1) end)
			sleep("1ms") c:close()
			print(select(2, pcall(t.wait, t)).code)`, "EPIPE\n"},
		{"closed while one receives", `
			local c = chan()
			local t = spawn(function() return c:recv() end)
			sleep("1ms") c:close()
			print(t:wait())`, "nil\tfalse\n"},
		{"timeouts", `
			local c = chan(1)
			print(select(2, pcall(c.recv, c, "1ms")).code)
			c:send(1, "1ms")
			print(select(2, pcall(c.send, c, 2, "1ms")).code, c:recv(0), #c)
			print(select(2, pcall(c.recv, c, 0)).code)`, "ETIMEDOUT\nETIMEDOUT\t1\t0\nETIMEDOUT\n"},
		{"a receive that polls lets others go on", `
			local c = chan()
			spawn(function() c:send("sent") end)
			local ok, v repeat ok, v = pcall(c.recv, c, 0) until ok
			print(v)`, "sent\n"},
		{"deadlock", `
			local a, b = chan(), chan()
			local t = spawn(function() a:recv() b:send(1) end)
			sleep("1ms")
			local ok, e = pcall(b.recv, b)
			print(e.code, t.state)
			a:send(1)
			print(b:recv())
			t:wait()`, "EDEADLK\trunning\n1\ttrue\n"},
		{"refused", `
			for _, f in ipairs{function() chan():send(nil) end, function() chan(-1) end, function() chan(1.5) end, function() chan(1e7) end, function() chan():recv("soon") end, function() chan():foo() end} do
				print((select(2, pcall(f)).code))
			end`, "ETYPE\nETYPE\nETYPE\nETYPE\nETYPE\nEFIELD\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, err := within(t, context.Background(), c.source)
			if err != nil || stdout != c.stdout || stderr != "" {
				t.Errorf("%v, printed\n%s%s want\n%s", err, stdout, stderr, c.stdout)
			}
		})
	}
}
