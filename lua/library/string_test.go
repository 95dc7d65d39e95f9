package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// stringState is a state with the stock base library and our string library.
func stringState(t testing.TB) *lua.LState {
	L := baseState(t)
	OpenString(L)
	return L
}

// baseState is a state with the stock base library and nothing else.
func baseState(t testing.TB) *lua.LState {
	L := lua.NewState(lua.Options{SkipOpenLibs: true, RegistrySize: 256, RegistryMaxSize: 1 << 18, RegistryGrowStep: 4096})
	t.Cleanup(L.Close)
	L.Push(L.NewFunction(lua.OpenBase))
	L.Push(lua.LString(""))
	L.Call(1, 0)
	return L
}

// stringEval evaluates expressions and renders the results, strings quoted. An
// error is one of package luaerr where ours raised it.
func stringEval(L *lua.LState, expressions string) (string, error) {
	L.SetTop(0)
	if err := L.DoString("return " + expressions); err != nil {
		var api *lua.ApiError
		if errors.As(err, &api) {
			if own := luaerr.FromLua(api.Object); own != nil {
				return "", own
			}
		}
		return "", err
	}
	var texts []string
	for i := 1; i <= L.GetTop(); i++ {
		if s, ok := L.Get(i).(lua.LString); ok {
			texts = append(texts, fmt.Sprintf("%q", string(s)))
		} else {
			texts = append(texts, L.Get(i).String())
		}
	}
	return strings.Join(texts, " "), nil
}

func TestString(t *testing.T) {
	L := stringState(t)
	for _, c := range []struct{ source, want string }{
		{`("hello"):find("l")`, `3 3`}, {`("hello"):find("(l)(l)")`, `3 4 "l" "l"`}, {`("hello"):find("xyz")`, `nil`}, {`("hello"):find("x*")`, `1 0`},
		{`("a.b"):find(".", 1, true)`, `2 2`}, {`("a.b"):find(".", 3, true)`, `nil`}, {`("a)"):find(")")`, `2 2`}, {`("abc"):find("b", -1)`, `nil`},
		{`("abc"):find("", 10)`, `4 3`}, {`("abc"):find("c", -1)`, `3 3`}, {`("abc"):find("a", -10)`, `1 1`}, {`string.rep(123, 2)`, `"123123"`},
		{`string.find(1234, 23)`, `2 3`}, {`string.find("a1", "%d", "2")`, `2 2`}, {`string.find("abc", "b", 1.9)`, `2 2`}, {`string.find("a\0b", "%z")`, `2 2`},
		{`string.find("a\0b", "\0b")`, `2 3`}, {`("hello"):find("^h")`, `1 1`}, {`("hello"):find("^e", 2)`, `2 2`}, {`("THE (quick) fox"):find("%((%a+)%)")`, `5 11 "quick"`},
		{`("key = value"):match("^(%w+)%s*=%s*(%w+)$")`, `"key" "value"`}, {`("x"):match("y")`, `nil`}, {`("x"):match("()")`, `1`}, {`("abc"):match("b", 3)`, `nil`},
		{`("abc"):match(".-", 10)`, `""`}, {`("THE END"):match("%f[%w]%u+$")`, `"END"`}, {`(function() local t = {} for k, v in ("a=1, b=2"):gmatch("(%w)=(%w)") do t[#t+1] = k .. v end return unpack(t) end)()`, `"a1" "b2"`},
		{`(function() local n = 0 for w in ("one two"):gmatch("%a*") do n = n + 1 end return n end)()`, `4`},
		{`(function() local t = {} for w in ("^a^b"):gmatch("^%a") do t[#t+1] = w end return unpack(t) end)()`, `"^a" "^b"`},
		{`(function() local f = ("a"):gmatch("a") return f(), f(), f() end)()`, `"a" nil`}, {`select("#", ("a"):gmatch("b")())`, `0`},
		{`("hello"):gsub("l", "L")`, `"heLLo" 2`}, {`("hello"):gsub("l", "L", 1)`, `"heLlo" 1`}, {`("hello"):gsub("l", "L", 0)`, `"hello" 0`}, {`("hello"):gsub("l", "L", -1)`, `"hello" 0`},
		{`("hello"):gsub("", "-")`, `"-h-e-l-l-o-" 6`}, {`("abc"):gsub("%w", "%0%0")`, `"aabbcc" 3`}, {`("abc"):gsub("(a)(b)", "%2%1%%%x")`, `"ba%xc" 1`},
		{`("abc"):gsub("%w", "%1")`, `"abc" 3`}, {`("abc"):gsub("()", "%1")`, `"1a2b3c4" 4`}, {`("$a $b"):gsub("%$(%w)", {a = "x", b = 2})`, `"x 2" 2`}, {`("$a $c"):gsub("%$(%w)", {a = false})`, `"$a $c" 2`},
		{`("ab"):gsub(".", function(c) if c == "a" then return 1 end end)`, `"1b" 2`}, {`("ab"):gsub("(.)(.)", function(a, b) return b .. a end)`, `"ba" 1`},
		{`("abc"):gsub("%w*", "x")`, `"xx" 2`}, {`("  x "):gsub("^%s+", "")`, `"x " 1`}, {`("aaa"):gsub("^a", "b")`, `"baa" 1`}, {`("abc"):gsub("b", 5)`, `"a5c" 1`},
		{`("a b"):gsub("%w", setmetatable({}, {__index = function(_, k) return k:upper() end}))`, `"A B" 2`}, {`("abc"):gsub("(b", "x")`, `"axc" 1`}, {`("a\0b"):gsub("%z", "\0\0")`, `"a\x00\x00b" 1`},
		{`("abc"):gsub("b", function() return ("x"):gsub("x", "y") end)`, `"ayc" 1`}, {`("abc"):gsub("", "")`, `"abc" 4`}, {`("abc"):gsub("abc", "")`, `"" 1`},
		{`("x"):rep(3)`, `"xxx"`}, {`("x"):rep(0)`, `""`}, {`("x"):rep(-1)`, `""`}, {`(""):rep(2^60)`, `""`}, {`("ab"):rep(2.9)`, `"abab"`}, {`#("x"):rep(16777216)`, `16777216`}, {`("x"):rep("0x3")`, `"xxx"`},
		{`("abc"):byte()`, `97`}, {`("abc"):byte(2)`, `98`}, {`("abc"):byte(1, -1)`, `97 98 99`}, {`("abc"):byte(10)`, ``}, {`("abc"):byte(0)`, ``}, {`("abc"):byte(-1)`, `99`}, {`("abc"):byte(0, 1)`, `97`}, {`("\200\0"):byte(1, 2)`, `200 0`},
		{`string.char()`, `""`}, {`string.char(65, 0, 255)`, `"A\x00\xff"`}, {`string.char("65")`, `"A"`}, {`("abc"):len()`, `3`}, {`string.len(1234)`, `4`}, {`("a\0b"):len()`, `3`},
		{`("aBC\195\137"):lower()`, "\"abc\u00c9\""}, {`("abC1"):upper()`, `"ABC1"`}, {`("abc1"):lower()`, `"abc1"`}, {`("abc"):reverse()`, `"cba"`}, {`(""):reverse()`, `""`},
		{`("hello"):sub(2, 4)`, `"ell"`}, {`("hello"):sub(-3)`, `"llo"`}, {`("hello"):sub(2, -2)`, `"ell"`}, {`("hello"):sub(4, 2)`, `""`}, {`("hello"):sub(0)`, `"hello"`}, {`("hello"):sub(-100, 2)`, `"he"`},
		{`("hello"):sub(2, 1/0)`, `"ello"`}, {`("hello"):sub(-1/0)`, `"hello"`}, {`("hello"):sub("2", "3")`, `"el"`}, {`("hello"):sub(6)`, `""`}, {`("hello"):sub(1.9, 2.9)`, `"he"`},
		{`("abc"):byte(1/0, -1/0)`, ``}, {`("hello"):sub(1/0, -1/0)`, `""`}, {`string.rep(0.1 + 0.2, 2)`, `"0.30.3"`}, {`("a"):gsub("a", 0.1 + 0.2)`, `"0.3" 1`}, {`("a"):gsub("a", {a = 1/3})`, `"0.33333333333333" 1`},
		{`getmetatable("").__index == string, string.gfind == nil`, `true false`}, {`("%d"):format(7)`, `"7"`},
	} {
		if got, err := stringEval(L, c.source); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.source, got, err, c.want)
		}
	}
}

func TestFormat(t *testing.T) {
	L := stringState(t)
	L.SetGlobal("obj", registry.NewType[int]("flow", "for tests").Text(func(n int) string { return fmt.Sprintf("flow %d", n) }).New(L, 7))
	for _, c := range []struct{ args, want string }{
		{`"plain"`, "plain"}, {`"%%"`, "%"}, {`"100%% %s", "x"`, "100% x"}, {`"%d", 3`, "3"}, {`"%d", "10"`, "10"}, {`"%d", "0x10"`, "16"}, {`"%d", " 1e2 "`, "100"}, {`"%d", "010"`, "10"},
		{`"%d", 3.99`, "3"}, {`"%d", -3.99`, "-3"}, {`"%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42`, "   42|42   |00042|+42| 42"}, {`"%.3d|%5.3d|%-5.3d|%05.3d", 7, 7, 7, 7`, "007|  007|007  |  007"},
		{`"%.0d", 0`, ""}, {`"%d", -2^63`, "-9223372036854775808"}, {`"%i", 5`, "5"}, {`"%u", 5`, "5"}, {`"%u", 2^63`, "9223372036854775808"}, {`"%x %X %#x %#X %#x", 255, 255, 255, 255, 0`, "ff FF 0xff 0XFF 0"},
		{`"%x", -1`, "ffffffffffffffff"}, {`"%o %#o %#o %#.0o %.0o", 8, 8, 0, 0, 0`, "10 010 0 0 "}, {`"%#06x|%#-8x|%#.4x", 255, 255, 255`, "0x00ff|0xff    |0x00ff"}, {`"%#06o", 8`, "000010"},
		{`"%c%c%c", 65, 0, 255`, "A\x00\xff"}, {`"%3c|%-3c", 65, 65`, "  A|A  "}, {`"%e %E", 12345.678, 0.00012`, "1.234568e+04 1.200000E-04"}, {`"%f %.2f %.0f %#.0f", 1.5, 1.005, 2.5, 3`, "1.500000 1.00 2 3."},
		{`"%F", 1.5`, "1.500000"}, {`"%g %g %g %g %G", 100000, 1e6, 1e-5, 0.1, 1e-10`, "100000 1e+06 1e-05 0.1 1E-10"}, {`"%#g %.3g %.14g %.0g", 1, 1234.5, 0.1 + 0.2, 15`, "1.00000 1.23e+03 0.3 2e+01"},
		{`"%f %F %5.1f|%-6f|%06f", 1/0, 1/0, -1/0, 1/0, 1/0`, "inf INF  -inf|inf   |   inf"}, {`"%f %G", 0/0, 0/0`, "nan NAN"}, {`"%+.1f % .1f %08.2f %-8.2f|", 1, 1, -1.5, 1.5`, "+1.0  1.0 -0001.50 1.50    |"},
		{`"%.99f", 1`, "1." + strings.Repeat("0", 99)}, {`"%99d", 1`, strings.Repeat(" ", 98) + "1"}, {`"%.1f", "2.25"`, "2.2"}, {`"%g", -0.0`, "-0"}, {`"%.3f", 1e15`, "1000000000000000.000"},
		{`"%s|%5s|%-5s|%.2s|%5.1s", "abc", "abc", "abc", "abc", "abc"`, "abc|  abc|abc  |ab|    a"}, {`"%s %s %s", 12, 0.1, 2^53`, "12 0.1 9.007199254741e+15"}, {`"%s %s %s", nil, true, false`, "nil true false"}, {`"%s", "a\0b"`, "a\x00b"},
		{`"%10s", "a\0b"`, "       a\x00b"}, {`"%s", setmetatable({}, {__tostring = function() return "T" end})`, "T"}, {`"%4s", setmetatable({}, {__tostring = function() return ("%d"):format(5) end})`, "   5"},
		{`"%s %s", obj, 1`, "flow 7 1"}, {`"%q", "a\n\"\\\r\0b"`, "\"a\\\n\\\"\\\\\\r\\000b\""}, {`"%q", 5`, `"5"`}, {`"%s", "x", "ignored"`, "x"}, {`"a\0%d", 1`, "a\x001"}, {`5`, "5"},
	} {
		got, err := stringEval(L, "string.format("+c.args+")")
		if want := fmt.Sprintf("%q", c.want); err != nil || got != want {
			t.Errorf("format(%s): %s, %v; want %s", c.args, got, err, want)
		}
	}
	if got, err := stringEval(L, `string.format("%s", {}):match("^table: 0x%x+$") ~= nil`); err != nil || got != "true" {
		t.Error(got, err)
	}
}

func TestStringErrors(t *testing.T) {
	L := stringState(t)
	for _, c := range []struct {
		source string
		code   luaerr.Code
		want   string
	}{
		{`string.find()`, luaerr.ETYPE, `bad argument "s" of string.find: want a string, got nil`}, {`("x"):find()`, luaerr.ETYPE, `bad argument "pattern" of string.find: want a string, got nil`},
		{`("x"):find({})`, luaerr.ETYPE, `got a table`}, {`("x"):find("x", "y")`, luaerr.ETYPE, `bad argument "init" of string.find: want a number, got "y"`}, {`("x"):find("x", 0/0)`, luaerr.ETYPE, `got NaN`},
		{`("x"):sub()`, luaerr.ETYPE, `bad argument "i" of string.sub: want a number, got nil`}, {`("x"):sub(1, {})`, luaerr.ETYPE, `bad argument "j" of string.sub`}, {`("x"):rep()`, luaerr.ETYPE, `bad argument "n" of string.rep`},
		{`("x"):rep("1_0")`, luaerr.ETYPE, `got "1_0"`}, {`("x"):rep("inf")`, luaerr.ETYPE, `got "inf"`}, {`("x"):rep("--1")`, luaerr.ETYPE, `got "--1"`}, {`("x"):rep("0x")`, luaerr.ETYPE, `got "0x"`}, {`("x"):rep("")`, luaerr.ETYPE, `got ""`},
		{`("x"):rep(2^40)`, luaerr.ETYPE, `string.rep: the result would be longer than 16777216 bytes`}, {`("xy"):rep(2^23 + 1)`, luaerr.ETYPE, `longer than 16777216`}, {`("x"):rep(1/0)`, luaerr.ETYPE, `longer than`},
		{`string.char(256)`, luaerr.ETYPE, `bad argument "#1" of string.char: 256 is no byte`}, {`string.char(65, -1)`, luaerr.ETYPE, `bad argument "#2" of string.char`}, {`string.char("x")`, luaerr.ETYPE, `want a number, got "x"`},
		{`("x"):rep(100000):byte(1, -1)`, luaerr.ETYPE, `more than 65536 bytes at once`}, {`string.dump(print)`, luaerr.ENOTSUP, `string.dump: functions cannot be written out`}, {`string.len(nil)`, luaerr.ETYPE, `bad argument "s" of string.len`},
		{`("x"):find("[a")`, luaerr.EPARSE, `bad argument "pattern" of string.find: malformed pattern (missing ']')`}, {`("x"):match("%")`, luaerr.EPARSE, `of string.match: malformed pattern (ends with '%')`}, {`("x"):gmatch("(")()`, luaerr.EPARSE, `of string.gmatch: unfinished capture`},
		{`("x"):gsub("x", "%2")`, luaerr.EPARSE, `bad argument "repl" of string.gsub: invalid capture index %2`}, {`("x"):gsub("(x", "%1")`, luaerr.EPARSE, `unfinished capture`}, {`("x"):gsub("x", "a%")`, luaerr.EPARSE, `bad argument "repl" of string.gsub: it ends with '%'`},
		{`("x"):gsub("x")`, luaerr.ETYPE, `bad argument "repl" of string.gsub: want a string, table or function, got nil`}, {`("x"):gsub("x", true)`, luaerr.ETYPE, `got true`}, {`("x"):gsub("x", function() return {} end)`, luaerr.ETYPE, `want a string as the replacement, got a table`},
		{`("x"):gsub("x", {x = true})`, luaerr.ETYPE, `got true`}, {`("x"):gsub("x", "y", {})`, luaerr.ETYPE, `bad argument "n" of string.gsub`}, {`("x"):rep(2^20):gsub("x", ("y"):rep(100))`, luaerr.ETYPE, `longer than 16777216`},
		{`("x"):rep(2^20):gsub("()", ("%1"):rep(2^10))`, luaerr.ETYPE, `longer than 16777216`}, {`("x"):rep(2^20):gsub("(z?)x", ("%1"):rep(2^20))`, luaerr.ETYPE, `too complex`},
		{`("a"):rep(28):find(("a*"):rep(28) .. "b")`, luaerr.ETYPE, `string.find: pattern too complex`}, {`("a"):rep(5000000):match(".-.-.-b")`, luaerr.ETYPE, `pattern too complex`}, {`("a"):rep(1e5):gsub(".-b", "")`, luaerr.ETYPE, `pattern too complex`},
		{`("a"):rep(28):gmatch(("a*"):rep(28) .. "b")()`, luaerr.ETYPE, `pattern too complex`},
		{`("%d"):format("x")`, luaerr.ETYPE, `bad argument "#2" of string.format: want a number, got "x"`}, {`("%s %d"):format(1)`, luaerr.ETYPE, `bad argument "#3" of string.format: want a value for %d, got none`}, {`("%d"):format(0/0)`, luaerr.ETYPE, `want a finite number for %d`},
		{`("%d"):format(1/0)`, luaerr.ETYPE, `want a finite number`}, {`("%x"):format(-1/0)`, luaerr.ETYPE, `want a finite number for %x`}, {`("%d"):format(2^63)`, luaerr.ETYPE, `does not fit the 64 bits of %d`}, {`("%x"):format(2^64)`, luaerr.ETYPE, `does not fit`}, {`("%u"):format(-2^64)`, luaerr.ETYPE, `does not fit`},
		{`("%c"):format(0/0)`, luaerr.ETYPE, `finite`}, {`("%d"):format(nil)`, luaerr.ETYPE, `got nil`}, {`("%q"):format(nil)`, luaerr.ETYPE, `bad argument "#2" of string.format: want a string`}, {`("%f"):format({})`, luaerr.ETYPE, `got a table`},
		{`("%y"):format(1)`, luaerr.EPARSE, `bad argument "format" of string.format: invalid option "%y"`}, {`("%"):format(1)`, luaerr.EPARSE, `invalid option '%' at the end`}, {`("%5"):format(1)`, luaerr.EPARSE, `at the end`}, {`("%\0"):format(1)`, luaerr.EPARSE, `invalid option`},
		{`("%100d"):format(1)`, luaerr.EPARSE, `invalid format (width or precision too long)`}, {`("%.100f"):format(1)`, luaerr.EPARSE, `too long`}, {`("%------d"):format(1)`, luaerr.EPARSE, `repeated flags`}, {`("%*d"):format(1, 2)`, luaerr.EPARSE, `invalid option`},
		{`("%s%s"):format(("x"):rep(2^24), "y")`, luaerr.ETYPE, `string.format: the result would be longer`}, {`("%q"):format(("\n"):rep(2^24 - 10))`, luaerr.ETYPE, `longer than`}, {`("%s"):format(setmetatable({}, {__tostring = function() end}))`, luaerr.ETYPE, `__tostring returned nil, not a string`},
		{`("%s"):format(setmetatable({}, {__tostring = function() error("inner") end}))`, "", `inner`}, {`("x"):gsub("x", function() error("inner") end)`, "", `inner`},
	} {
		got, err := stringEval(L, c.source)
		var e *luaerr.Error
		if err == nil || !strings.Contains(err.Error(), c.want) || c.code != "" && (!errors.As(err, &e) || e.Code != c.code || !strings.HasPrefix(e.Where, "<string>:1")) {
			t.Errorf("%s: %s, %v; want %s %s", c.source, got, err, c.code, c.want)
		}
	}
	if got, err := stringEval(L, `("%d"):format(1), ("ab"):find("b")`); err != nil || got != `"1" 2 2` {
		t.Errorf("after errors: %s, %v", got, err)
	}
}

// TestStringInterruption checks that whatever runs long ends with its context.
func TestStringInterruption(t *testing.T) {
	for _, source := range []string{
		`(function() while true do local ok = pcall(string.find, ("a"):rep(28), ("a*"):rep(28) .. "b") end end)()`,
		`(function() while true do pcall(string.gsub, ("a"):rep(2^20), "(z?)a", ("%1"):rep(2^20)) end end)()`,
		`(function() while true do for _ in ("a"):rep(1e6):gmatch("") do end end end)()`,
		`("a"):rep(2^22):gsub(".", function() return ("a"):rep(1e6):gsub("a", "b") end)`,
		`(function() while true do pcall(string.match, ("("):rep(2^20), "%b()") end end)()`,
	} {
		L := stringState(t)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		L.SetContext(ctx)
		start := time.Now()
		_, err := stringEval(L, source)
		cancel()
		if err == nil || !errors.Is(err, luaerr.ETIMEDOUT) && !strings.Contains(err.Error(), "deadline exceeded") {
			t.Errorf("%s: %v", source, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %s until it ended", source, took)
		}
	}
}

// TestInterruptedMatch checks that one long match ends of its own accord, and
// raises why.
func TestInterruptedMatch(t *testing.T) {
	for name, args := range map[string][]lua.LValue{
		"find":   {lua.LString(strings.Repeat("a", 28)), lua.LString(strings.Repeat("a*", 28) + "b")},
		"match":  {lua.LString(strings.Repeat("(", 1<<20)), lua.LString("%b()")},
		"gsub":   {lua.LString(strings.Repeat("a", 1<<20)), lua.LString("a"), lua.LString("b")},
		"gfind":  {lua.LString(strings.Repeat("a", 28)), lua.LString(strings.Repeat("a-", 28) + "b")},
		"gmatch": {lua.LString(strings.Repeat("a", 1<<20)), lua.LString("%d")},
	} {
		L := stringState(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(&luaerr.Exit{Status: 5})
		L.SetContext(ctx)
		fn := L.GetGlobal("string").(*lua.LTable).RawGetString(name)
		err := L.CallByParam(lua.P{Fn: fn, NRet: 1, Protect: true}, args...)
		if iterator, ok := L.Get(-1).(*lua.LFunction); ok && err == nil {
			err = L.CallByParam(lua.P{Fn: iterator, NRet: 1, Protect: true})
		}
		var api *lua.ApiError
		var exit *luaerr.Exit
		if !errors.As(err, &api) || !errors.As(luaerr.FromLua(api.Object), &exit) || exit.Status != 5 {
			t.Errorf("string.%s ended with %v", name, err)
		}
	}
}

// TestPiece checks that a small part of a large string does not keep it.
func TestPiece(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	first := uintptr(unsafe.Pointer(unsafe.StringData(large)))
	for _, n := range []int{1, 100, 1 << 19} {
		got := string(piece(large, 5, 5+n).(lua.LString))
		at := uintptr(unsafe.Pointer(unsafe.StringData(got)))
		if shared := at >= first && at < first+1<<20; got != large[:n] || shared != (n == 1<<19) {
			t.Errorf("%d bytes of %d, shared: %v", len(got), n, shared)
		}
	}
}

// TestReplacedStock checks that no stock function is left.
func TestReplacedStock(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	table := L.GetGlobal("string").(*lua.LTable)
	stock := map[lua.LValue]string{}
	table.ForEach(func(k, v lua.LValue) {
		if v.Type() == lua.LTFunction {
			stock[v] = k.String()
		}
	})
	OpenString(L)
	if L.GetGlobal("string") != table {
		t.Error("the table is another one")
	}
	table.ForEach(func(k, v lua.LValue) {
		if _, ok := stock[v]; ok {
			t.Errorf("string.%s is the stock one", k)
		}
	})
}
