package syntax

import (
	"fmt"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// items are the numbers from 1 to n as items of a constructor, each with a
// comma behind it.
func items(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprint(&b, i+1, ",")
	}
	return b.String()
}

// shape tells of a table t what a wrong constructor spoils.
const shape = ` local n, sum = 0, 0 for k, v in pairs(t) do n = n + 1 if type(k) == "number" then sum = sum + k * v end end
return n .. " " .. sum .. " " .. tostring(t.x) .. " " .. tostring(t[1]) .. " " .. tostring(t[50])`

const values = `local function one() return 1 end local function two() return 7, 8 end local function show(...)
local s = "" for i = 1, select("#", ...) do s = s .. tostring((select(i, ...))) .. " " end return s end `

// defects are chunks that the plain compiler gets wrong.
var defects = []struct{ name, source, want string }{
	{"swap", "local a, b = 1, 2 a, b = b, a return show(a, b)", "2 1 "},
	{"rotate", "local a, b, c = 1, 2, 3 a, b, c = c, a, b return show(a, b, c)", "3 1 2 "},
	{"assignment to the table", "local a = {} local b = a a.x, a = 2, 1 return show(a, b.x)", "1 2 "},
	{"assignment and a call", "local a, b, c = 1, 2, 3 a, b, c = c, (function() return b, a end)() return show(a, b, c)", "3 2 1 "},
	{"assignment of too many", "local a, b = 1, 2 a, b = b, a, 3 return show(a, b)", "2 1 "},
	{"assignment to the index", "local t, i = {1, 2, 3}, 1 i, t[i] = 2, i + 5 return show(t[1], t[2], i)", "6 2 2 "},
	{"assignment to a global", "local x = 1 x, y = y or 5, x return show(x, y)", "5 1 "},
	{"assignment from a variable", "local t, v = {}, 5 g, t.x = 1, v return show(g, t.x)", "1 5 "},
	{"or before and", "local a, b, c = 1, 2, 3 a = (b or c) and a return show(a)", "1 "},
	{"call of one value", "local function f(x) x = (tostring(x == 5)) return x end return f(5)", "true"},
	{"function of an old name", "local g = 1 local g = function() return type(g) end return g()", "number"},
	{"break out of a block", "local f while true do do local x = 1 f = function() return x end break end end local y, z = 2, 3 return show(f())", "1 "},
	{"break out of a condition", `local f for i = 1, 3 do if i == 2 then local x = i f = function() return x end break end end
		local a, b, c, d, e, g = 12, 13, 14, 15, 16, 17 return show(f())`, "2 "},
	{"break out of repeat", `local f repeat if true then local x = 1 f = function() return x end break end until false
		local a, b, c, d = 12, 13, 14, 15 return show(f())`, "1 "},
	{"goto", "local n = 0 local function inc() n = n + 1 end for i = 1, 3 do if i == 2 then goto skip end inc() ::skip:: end return show(n)", "2 "},
	{"goto back", "local n, i = 0, 0 local function inc() n = n + 1 end ::top:: inc() i = i + 1 if i < 3 then goto top end return show(n)", "3 "},
	{"loop that begins with a jump", "local n = 0 for _, v in ipairs{1, 2, 3} do if false then n = 100 end n = n + v end return show(n)", "6 "},
	{"loop that breaks at once", "local n = 0 if unset then n = 7 end for _ in pairs{1, 2} do break end n = n + 1 return show(n)", "1 "},
	{"condition that begins with a jump", "local i = 0 if unset then i = 7 end while (false and unset) or i < 3 do i = i + 1 end return show(i)", "3 "},
	{"repeat that begins with a jump", "local i = 0 if unset then i = 7 end repeat if false then i = 50 end i = i + 1 until i >= 3 return show(i)", "3 "},
	{"goto to a jump", "local i = 0 if unset then i = 7 end ::top:: if false then i = 50 end i = i + 1 if i < 3 then goto top end return show(i)", "3 "},
	{"iterator without a state", "do local a, b, c = 1, 2, 3 end local seen for x in function(s, c) seen = show(s, c) end do end return seen", "nil nil "},
	{"state from a call", "local function f() return {1, 2}, nil end local n = 0 for k in next, f() do n = n + k end return show(n)", "3 "},
	{"control from a call", "local n = 0 for k in next, {5, 6, 7}, (one()) do n = n + k end return show(n)", "5 "},
	{"named field behind 50", "local t = {" + items(50) + "x = two()}" + shape, "51 42925 7 1 50"},
	{"named field behind 50, not last", "local t = {" + items(50) + "x = -two(), 51}" + shape, "52 45526 -7 1 50"},
	{"named field behind 100", "local t = {" + items(100) + "x = true, y = nil}" + shape, "101 338350 true 1 50"},
	{"named fields and more behind 50", "local t = {" + items(50) + "x = two(), " + strings.Repeat("1,", 60) + " [200] = two(), two()}" + shape, "114 50828 7 1 50"},
	{"computed key behind 50", "local t = {" + items(50) + "[two() - 6] = 'w'} return show(t[1], #t)", "w 50 "},
	{"call behind 50", "local t = {" + items(50) + "two()}" + shape, "52 43698 nil 1 50"},
	{"... behind 50", "return (function(...) local t = {" + items(50) + "...}" + shape + " end)(7, 8)", "52 43698 nil 1 50"},
	{"call in a named field", "local t = {1, x = two()}" + shape, "2 1 7 1 nil"},
	{"... in a named field", "return (function(...) local t = {1, x = ...}" + shape + " end)(7, 8)", "2 1 7 1 nil"},
	{"0010", "return show(0010, 00010, 0010.5)", "10 10 10.5 "},
	{"0xffffffffffffffff", "return show(0xffffffffffffffff == 2^64, 0x8000000000000000 == 2^63, 0x10000000000000000 > 2^63)", "true true true "},
	{"1e309", "return show(1e309 == 1 / 0, 0x1" + strings.Repeat("0", 300) + " == 1 / 0)", "true true "},
}

// TestDefects compiles them as we do, and asks Lua 5.1 whether that is right.
func TestDefects(t *testing.T) {
	var chunks []string
	for _, d := range defects {
		chunks = append(chunks, values+d.source)
		if got := result(ours, values+d.source); got != d.want {
			t.Errorf("%s: got %q, want %q", d.name, got, d.want)
		}
		if got := result(withoutConcat, values+d.source); got != d.want {
			t.Errorf("%s, with the library's concat: got %q, want %q", d.name, got, d.want)
		}
	}
	for i, got := range reference(t, "lua5.1", chunks) {
		if d := defects[i]; got != d.want && !strings.HasPrefix(d.name, "goto") {
			t.Errorf("%s: lua5.1 says %q, want %q", d.name, got, d.want)
		}
	}
}

// TestDefectsOfTheLibrary fails for a repair that is not needed any more.
func TestDefectsOfTheLibrary(t *testing.T) {
	for _, d := range defects {
		if got := resultWithin(time.Second, lua.Compile, values+d.source); got == d.want {
			t.Errorf("%s: the plain compiler does it right: drop the repair", d.name)
		}
	}
}
