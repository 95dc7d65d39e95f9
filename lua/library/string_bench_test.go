package library

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// BenchmarkString compares our string library with the stock one.
func BenchmarkString(b *testing.B) {
	for _, c := range []struct{ name, body string }{
		{"find plain", `s:find("dport", 1, true)`},
		{"find text", `s:find("dport")`},
		{"find class", `s:find("%d+")`},
		{"match capture", `s:match("dport=(%d+)")`},
		{"match anchored", `s:match("^(%w+)%s+(%d+)")`},
		{"match none", `s:match("^udp")`},
		{"gmatch", `for k, v in s:gmatch("(%w+)=([%d.]+)") do local x = v end`},
		{"gsub string", `s:gsub("%d+", "<%0>")`},
		{"gsub table", `s:gsub("%l+", t)`},
		{"gsub function", `s:gsub("%l+", f)`},
		{"format d", `("%d"):format(4711)`},
		{"format s", `("%s=%s"):format("key", "value")`},
		{"format mixed", `("%-15s %5d %8.2f %x"):format("10.0.0.1", 4711, 3.14159, 255)`},
		{"rep", `("ab"):rep(10)`},
		{"sub", `s:sub(5, 10)`},
		{"byte", `s:byte(5)`},
		{"char", `string.char(65, 66, 67)`},
		{"lower", `s:lower()`},
		{"len", `s:len()`},
	} {
		for _, lib := range []struct {
			name string
			open func(*lua.LState)
		}{
			{"stock", func(L *lua.LState) { lua.OpenString(L) }},
			{"ours", OpenString},
		} {
			b.Run(c.name+"/"+lib.name, func(b *testing.B) {
				L := baseState(b)
				lib.open(L)
				if err := L.DoString(`
					local s = "tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4711 dport=443"
					local t = {src = "from", dst = "to"}
					local function f(w) return t[w] end
					function run(n) for i = 1, n do ` + c.body + ` end end`); err != nil {
					b.Fatal(err)
				}
				run := lua.P{Fn: L.GetGlobal("run"), Protect: true}
				b.ReportAllocs()
				b.ResetTimer()
				if err := L.CallByParam(run, lua.LNumber(b.N)); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
