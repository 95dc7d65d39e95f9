package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

func TestTables(t *testing.T) {
	L := state(t, nil, IO{})
	for source, want := range map[string]string{
		// Lists of a length that the stack of the interpreter has no room for.
		"local t = {} for i = 1, 1e5 do t[i] = i % 10 end return #table.concat(t, ',')":                      "199999",
		"local t = {} for i = 1, 65536 do t[i] = i end return select('#', unpack(t)) .. ' ' .. #{unpack(t)}": "65536 65536",
		"local t = table.pack(nil, 2, nil) return t.n .. tostring(t[1]) .. t[2] .. tostring(t[3])":           "3nil2nil",
		"return table.pack().n":                                                    "0",
		"return table.unpack == unpack and 'same'":                                 "same",
		"local t = {1, 2, 3} table.remove(t) table.remove(t, 1) return #t .. t[1]": "12",
		"local t = {} for i = 1, 3e4 do table.insert(t, i) end local n = 0 while #t > 0 do n = n + table.remove(t) end return n":          "450015000",
		"local t = {} for i = 1, 2e3 do table.insert(t, 1, i) end for i = 1, 2e3 do assert(table.remove(t, 1) == 2001 - i) end return #t": "0",
		// Sorting.
		"local t = {} for i = 1, 2e4 do t[i] = i * 7919 % 20011 end table.sort(t) for i = 2, #t do assert(t[i - 1] <= t[i]) end return #t":                                                            "20000",
		"local t = {} for i = 1, 2e4 do t[i] = i end table.sort(t, function(a, b) return a > b end) return t[1] .. ' ' .. t[20000]":                                                                   "20000 1",
		"local t = {3, 1, 2} local ok = pcall(table.sort, t, function(a, b) error('x') end) return tostring(ok) .. table.concat(t)":                                                                   "false312",
		"local t = {0/0, 2, 0/0, 1} table.sort(t) return #t":                                                                                                                                          "4",
		"local m = {__lt = function(a, b) return a.v < b.v end} local function o(v) return setmetatable({v = v}, m) end local t = {o(3), o(1), o(2)} table.sort(t) return t[1].v .. t[2].v .. t[3].v": "123",
		"local n, t = 0, {} for i = 1, 4096 do t[i] = i % 64 end table.sort(t, function(a, b) n = n + 1 return a < b end) return tostring(n <= 4096 * 13)":                                            "true",
		"local t = {3, 2, 1} table.sort(t, function(a, b) t[#t + 1] = 0 return a < b end) return t[1] .. t[2] .. t[3]":                                                                                "123",
	} {
		if got, err := eval(L, source); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		"unpack({}, 1, 1e9)": "too many results", "unpack({}, -1e300, 1e300)": "too many results", "unpack({}, 1, 65537)": "too many results", "table.concat({('x'):rep(2^23), 'x'}, ('y'):rep(2^23))": "longer than 16777216",
		"table.concat({1, {}})": "got a table at index 2", "table.concat({1, 2}, ',', 1, 3)": "got nil at index 3", "table.concat({}, '', 1, 1e300)": "got nil at index 1",
		"table.insert({}, 0, 1)": "out of range", "table.insert({}, -1e300, 1)": "out of range", "table.insert({}, 'x', 1)": "want a number", "table.insert(nil, 1)": "want a table, got nil",
		"table.sort({1, 2, 3}, function() return true end)": "invalid order function", "table.sort({2, 2}, function(a, b) return a <= b end)": "invalid order function",
		"table.sort({3, 'x'})": "attempt to compare", "table.sort({1}, {})": `"order" of table.sort: want a function`, "select(0)": "out of range", "select('x')": "want a number",
		"('x'):rep(2^23) .. ('x'):rep(2^23) .. 'x'": "longer than 16777216", "'a' .. nil": "attempt to concatenate a nil value", "{} .. 'x'": "attempt to concatenate a table value",
		"'x' + 1": `attempt to perform arithmetic on a string value, "x" is no number`, "1 + ''": "arithmetic on a string value", "-'x'": "arithmetic on a string value", "'1' + {}": "arithmetic on a table value",
		"tostring()": "a value is missing", "tonumber()": "a value is missing", "tonumber({}, 16)": "want a string", "tonumber('1', 1)": "out of range 2 to 36",
		"tostring(setmetatable({}, {__tostring = function() return {} end}))": "not a string",
	} {
		if _, err := eval(L, "return "+source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

// TestMaxItems checks both sides of the longest list.
func TestMaxItems(t *testing.T) {
	L := state(t, nil, IO{})
	for source, want := range map[string]string{
		"local t = {} for i = 1, 1000000 do t[#t + 1] = i end t[1000000] = nil return #t .. ' ' .. t[999999]": "999999 999999",
		// A sparse key is quick, whatever it is, and there.
		"local t = {} for i = 16, 53 do t[2 ^ i] = i end for i = 16, 53 do assert(t[2 ^ i] == i) end return 'there'":                         "there",
		fmt.Sprintf("local t = {[%d] = 'in'} t[%d] = 'out' return #t .. t[%d] .. t[%d]", MaxItems, MaxItems+1, MaxItems, MaxItems+1):         fmt.Sprint(MaxItems, "inout"),
		fmt.Sprintf("local t = {[%d] = 'in'} t[%d] = 'out' return table.concat(t, ',', %d, %d)", MaxItems, MaxItems+1, MaxItems, MaxItems+1): "in,out",
	} {
		began := time.Now()
		if got, err := eval(L, source); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", source, got, err, want)
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("%s: %s", source, d)
		}
	}
	full := fmt.Sprintf("local t = {[%d] = 1} ", MaxItems)
	for _, source := range []string{full + "table.insert(t, 2)", full + "table.insert(t, 5, 2)", full + fmt.Sprintf("table.insert(t, %d, 2)", MaxItems+1)} {
		if _, err := eval(L, source); err == nil || !strings.Contains(err.Error(), "a list of more than") {
			t.Errorf("%s: %v", source, err)
		}
	}
	// Lists that Go makes are as long as they say.
	list := L.CreateTable(MaxItems, 0)
	for i := 1; i <= MaxItems; i++ {
		list.RawSetInt(i, lua.LTrue)
	}
	if list.Len() != MaxItems {
		t.Errorf("%d items of %d", list.Len(), MaxItems)
	}
}

// TestTableInterruption checks that what runs long ends when it should.
func TestTableInterruption(t *testing.T) {
	setup := "t = {} for i = 1, 400000 do t[i] = i * 7919 % 400009 end s = {} for i = 1, 400000 do s[i] = tostring(i) end"
	for _, source := range []string{"table.sort(t)", "table.sort(t, function(a, b) return a > b end)", "table.sort(s)", "table.sort(t, rawequal)", "table.concat(t, ',')", "table.maxn(t)"} {
		ctx, cancel := context.WithCancel(context.Background())
		L := state(t, nil, IO{})
		if _, err := eval(L, setup); err != nil {
			t.Fatal(err)
		}
		L.SetContext(ctx)
		// Called directly: the interpreter would look at the context itself.
		name, _, _ := strings.Cut(strings.TrimPrefix(source, "table."), "(")
		fn := L.GetField(L.GetGlobal("table"), name)
		args := []lua.LValue{L.GetGlobal(source[len("table.")+len(name)+1 : len("table.")+len(name)+2])}
		if strings.Contains(source, "rawequal") {
			args = append(args, L.GetGlobal("rawequal"))
		}
		cancel()
		began := time.Now()
		err := L.CallByParam(lua.P{Fn: fn, Protect: true}, args...)
		var api *lua.ApiError
		if !errors.As(err, &api) || !errors.Is(luaerr.FromLua(api.Object), luaerr.ECANCELED) {
			t.Errorf("%s: %v", source, err)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s: %s after the interruption", source, d)
		}
	}
}

// TestStockDefects fails when the library does right what ours replaces.
func TestStockDefects(t *testing.T) {
	for source, want := range map[string]string{
		"return tostring(tonumber('1e5'))": "100000", "return tostring('010' + 0)": "10", "return tostring(math.floor('010'))": "10", "return tostring(math.log10(1e-61))": "-61",
		"return tostring(math.huge == 1/0)": "true", "return tostring(select(2, math.modf(1/0)))": "0", "return tostring(0.1 + 0.2)": "0.3", "return 1e15 .. ''": "1e+15",
		"local t = {} for i = 1, 3000 do t[i] = 'x' end return tostring(#table.concat(t))": "3000",
		"return os.date('!%c', 0)": "Thu Jan  1 00:00:00 1970", "return tostring(os.date('*t', 86400 * 40).yday)": "41",
		"return tostring(math.mod(-5, 3))": "-2", "local t = {1, 2, 3} table.insert(t, 0, 'x') return tostring(t[0])": "nil",
	} {
		L := lua.NewState(lua.Options{RegistrySize: 5120, CallStackSize: 64})
		got := "panic"
		func() {
			defer func() { _ = recover() }()
			err := L.DoString(source)
			if got = L.ToStringMeta(L.Get(-1)).String(); err != nil {
				got = "error"
			}
		}()
		L.Close()
		if got == want {
			t.Errorf("%s: the library does it right: drop ours", source)
		}
	}
}
