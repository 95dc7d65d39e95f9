package value

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

type point struct{ x, y int }

var pointType = NewType[*point]("point").
	Field("x", func(_ *lua.LState, p *point) lua.LValue { return lua.LNumber(p.x) }).
	Method("move", func(a *Args, p *point) int {
		a.AtMost(1)
		opt := a.Table(1, "by")
		if opt == nil {
			a.Bad("by", "want a table, got nil")
		}
		p.x += int(opt.Int("x", -10, 10))
		if opt.Has("unit") {
			p.y = len(opt.Text("unit"))
		}
		opt.Done()
		return 0
	}).
	Text(func(p *point) string { return fmt.Sprintf("(%d,%d)", p.x, p.y) }).
	Len(func(a *Args, _ *point) int { return a.Return(lua.LNumber(2)) }).
	Equal(func(a, b *point) bool { return *a == *b })

// state has p, an equal q, another o, and check, which reads each kind of
// argument.
func state(t *testing.T) *lua.LState {
	L := lua.NewState()
	t.Cleanup(L.Close)
	L.SetGlobal("p", pointType.New(L, &point{1, 2}))
	L.SetGlobal("q", pointType.New(L, &point{1, 2}))
	L.SetGlobal("o", pointType.New(L, &point{5, 6}))
	kinds := map[string]func(*Args){
		"string": func(a *Args) { a.String(1, "s") }, "text": func(a *Args) { a.Text(1, "s") },
		"int": func(a *Args) { a.Int(1, "n", 0, 65535) }, "func": func(a *Args) { a.Func(1, "fn") },
		"duration": func(a *Args) { a.Duration(1, "d") }, "size": func(a *Args) { a.Size(a.Get(1), "z") },
		"rate": func(a *Args) { a.Rate(a.Get(1), "r") }, "percent": func(a *Args) { a.Percent(a.Get(1), "c") },
		"masked": func(a *Args) { a.Masked(a.Get(1), "mark") }, "prefix": func(a *Args) { a.Prefix(a.Get(1), "net") },
		"addr": func(a *Args) { a.Addr(a.Get(1), "ip") },
	}
	for name, read := range kinds {
		L.SetGlobal(name+"_", Func(L, name+"_", func(a *Args) int { a.AtMost(1); read(a); return 0 }))
	}
	return L
}

func TestArgs(t *testing.T) {
	L := state(t)
	for _, good := range []string{
		`string_("x")`, `text_("")`, `int_(0)`, `int_(65535)`, `func_(print)`, `duration_("1h30m")`, `duration_(0)`,
		`size_("10MB")`, `rate_("5k/s")`, `percent_("90%")`, `percent_(1)`, `masked_("1/3")`, `masked_(7)`,
		`prefix_("10.0.0.0/8")`, `prefix_("fd00::1")`, `addr_("::ffff:10.0.0.1")`, `p:move{x=-10, unit="ab"}`,
	} {
		if err := L.DoString(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		`string_()`:              `bad argument "s" of string_: want a string, got nil`,
		`string_("")`:            `bad argument "s" of string_: empty string`,
		`string_(5)`:             `got number 5`,
		`text_(nil)`:             `got nil`,
		`int_(1.5)`:              `want a whole number, got 1.5`,
		`int_(65536)`:            `65536 is out of range 0 to 65535`,
		`int_(0/0)`:              `whole number`,
		`int_(1/0)`:              `whole number`,
		`int_("5")`:              `want a number, got "5"`,
		`int_(1, 2)`:             `int_ takes at most 1 arguments, got 2`,
		`func_({})`:              `want a function, got a table`,
		`duration_("soon")`:      `"soon" is not a duration`,
		`duration_(-1)`:          `bad argument "d"`,
		`duration_(0/0)`:         `bad argument "d"`,
		`size_(1.5)`:             `want whole bytes`,
		`rate_(0)`:               `a rate such as`,
		`percent_(1.1)`:          `a share such as`,
		`masked_(-1)`:            `out of range`,
		`masked_("8/7")`:         `outside the mask`,
		`prefix_("10.0.0.1/8")`:  `did you mean "10.0.0.0/8"?`,
		`prefix_("10.0.0.0/33")`: `is not a network`,
		`addr_("fe80::1%eth0")`:  `is not an IPv4 or IPv6 address`,
		`addr_("10.0.0")`:        `is not an IPv4 or IPv6 address`,
		`addr_(10)`:              `want an address, got number 10`,
		`p:move()`:               `bad argument "by" of point:move`,
		`p:move("x")`:            `want a table, got "x"`,
		`p:move{x=11}`:           `11 is out of range -10 to 10`,
		`p:move{x=1, unti="a"}`:  `unknown field "unti"`,
		`p:move{x=1, 5}`:         `unexpected item 1`,
		`p:move{x=1, unit=""}`:   `not empty`,
		`p.move({})`:             `call it with a colon`,
		`return p.z`:             `unknown field "z" of a point`,
		`p.x = 5`:                `a point is read-only`,
	} {
		err := L.DoString(bad)
		var api *lua.ApiError
		if !errors.As(err, &api) {
			t.Errorf("%s: no error, want %q", bad, want)
			continue
		}
		if raised := luaerr.FromLua(api.Object); raised == nil || !strings.Contains(raised.Error(), want) {
			t.Errorf("%s: got %v, want %q", bad, raised, want)
		}
	}
}

func TestType(t *testing.T) {
	L := state(t)
	for expr, want := range map[string]string{
		`tostring(p)`: "(1,2)", `"at " .. p`: "at (1,2)", `p .. "!"`: "(1,2)!", `#p`: "2", `p.x`: "1",
		`p == q`: "true", `p == o`: "false", `p ~= o`: "true", `getmetatable(p)`: "point",
	} {
		if err := L.DoString("result = tostring(" + expr + ")"); err != nil {
			t.Errorf("%s: %v", expr, err)
		} else if got := L.GetGlobal("result").String(); got != want {
			t.Errorf("%s = %s, want %s", expr, got, want)
		}
	}
}

func TestConvert(t *testing.T) {
	L := state(t)
	for source, want := range map[string]any{
		`nil`: nil, `"a"`: "a", `1.5`: 1.5, `true`: true, `{}`: []any{},
		`{1, "b"}`: []any{1.0, "b"}, `{a={b={1}}}`: map[string]any{"a": map[string]any{"b": []any{1.0}}},
	} {
		if err := L.DoString("x = " + source); err != nil {
			t.Fatal(err)
		}
		got, err := ToGo(L.GetGlobal("x"))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, %v; want %#v", source, got, err, want)
		}
		if back, err := ToGo(ToLua(L, got)); err != nil || !reflect.DeepEqual(back, want) {
			t.Errorf("%s comes back as %#v, %v", source, back, err)
		}
	}
	for source, want := range map[string]string{
		`{1, a=2}`: "both items and named fields", `{[1]=1, [3]=3}`: "with one at 3", `print`: "a function",
		`p`: "a userdata", `{[p]=1}`: "as a key", `(function() local t = {} t.t = t return t end)()`: "nested deeper",
	} {
		if err := L.DoString("x = " + source); err != nil {
			t.Fatal(err)
		}
		if got, err := ToGo(L.GetGlobal("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", source, got, err, want)
		}
	}
}

// TestSharedTables checks that tables which hold each other many times over end
// in an error, and soon.
func TestSharedTables(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	if err := L.DoString("t = {} for i = 1, 10 do t[i] = t end"); err != nil {
		t.Fatal(err)
	}
	if _, err := ToGo(L.GetGlobal("t")); err == nil {
		t.Error("a table that holds itself was read")
	}
	if err := L.DoString("t = {1} for i = 1, 15 do t = {t, t, t, t} end"); err != nil {
		t.Fatal(err)
	}
	if _, err := ToGo(L.GetGlobal("t")); err == nil || !strings.Contains(err.Error(), "values") {
		t.Errorf("4^15 values: %v", err)
	}
}
