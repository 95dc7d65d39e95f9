package registry

import (
	"errors"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

type box struct{ n int }

var boxType = NewType[*box]("box", "a box of a number. It is for tests").
	Example("ct> box(1).n\n1").
	Field("n: int", "the number", func(_ *lua.LState, b *box) lua.LValue { return lua.LNumber(b.n) }).
	Method("plus(n: int 1..9, options?: {twice?: bool, unit?: \"cm\" | \"m\" = \"cm\", wait?: duration = 5m}) -> box", "adds. Twice, if asked to", func(b *box, c *Call) int {
		o := c.Table(2)
		n := b.n + c.Int(1)
		if o.Bool("twice") {
			n += c.Int(1)
		}
		if o.Text("unit") == "m" {
			n *= 100
		}
		return c.Return(boxTypeOf(c.L, n), lua.LNumber(o.Number("wait")))
	}).
	Example("ct> box(1):plus(2).n\n3").Raises("ETYPE beyond 9").
	Text(func(b *box) string { return "box" }).
	Len(func(c *Call, b *box) int { return c.Return(lua.LNumber(b.n)) }).
	Equal(func(a, b *box) bool { return a.n == b.n }).
	Call("call(text: text) -> text", "repeats a text", func(b *box, c *Call) int {
		return c.Return(lua.LString(strings.Repeat(c.Text(1), b.n)))
	})

func boxTypeOf(L *lua.LState, n int) lua.LValue { return makeBox(L, n) }

var makeBox func(L *lua.LState, n int) lua.LValue

func init() {
	makeBox = func(L *lua.LState, n int) lua.LValue { return boxType.New(L, &box{n}) }
}

var tools = NewModule[int]("tools", "functions for tests").
	Func("kinds(a: address, p: prefix, m: mask, s: size 1..10000, r?: rate, list?: string[], any: any | nil = x) -> text", "says what it got", func(_ int, c *Call) int {
		v, m := c.Masked(3)
		return c.Return(lua.LString(strings.Join([]string{c.Addr(1).String(), c.Prefix(2).String(), lua.LNumber(v).String(), lua.LNumber(m).String(), lua.LNumber(c.Number(4)).String(), lua.LNumber(c.Number(5)).String()}, " ")))
	}).
	Func("sum(first: number, ...: number) -> number", "adds", func(_ int, c *Call) int {
		n := 0.0
		for i := range c.Len() {
			n += c.Number(i + 1)
		}
		return c.Return(lua.LNumber(n))
	}).
	Func("either(x: \"a\" | \"b\" | number | box)", "takes one of several", func(_ int, c *Call) int { return 0 }).
	Func("mixed(x: {...: int 1..9, unit?: text})", "takes items and fields", func(_ int, c *Call) int { return c.Return(lua.LNumber(c.Table(1).T.Len())) }).
	Func("plus(n: number) -> number", "adds too", func(_ int, c *Call) int { return c.Return(lua.LNumber(c.Number(1))) }).
	Func("need(options: {first: int, second?: int})", "wants a field", func(_ int, c *Call) int { return 0 }).
	Value("seven: int", "the number 7", func(_ *lua.LState, n int) lua.LValue { return lua.LNumber(n) })

// globals are a function and a value that stand alone.
var globals = NewModule[int]("", "globals for tests").
	Func("sum(n: number) -> number", "stands alone", func(_ int, c *Call) int { return c.Return(lua.LNumber(c.Number(1))) }).
	Value("crate: box", "a box that is there", func(L *lua.LState, n int) lua.LValue { return makeBox(L, n) })

func state(t *testing.T) *lua.LState {
	L := lua.NewState()
	t.Cleanup(L.Close)
	L.SetGlobal("tools", tools.Table(L, 7))
	globals.Open(L, 7, L.SetGlobal)
	L.SetGlobal("box", L.NewFunction(func(L *lua.LState) int { L.Push(makeBox(L, L.CheckInt(1))); return 1 }))
	return L
}

func TestCalls(t *testing.T) {
	L := state(t)
	for _, c := range []struct{ code, want string }{
		{`return box(1):plus(2).n`, "3"}, {`return #box(3):plus(2, {twice = true, unit = "m"})`, "700"},
		{`return select(2, box(1):plus(2))`, "300"}, {`return select(2, box(1):plus(2, {wait = "1h"}))`, "3600"},
		{`return tostring(box(1)) .. box(1)`, "boxbox"}, {`return box(1) == box(1) and box(1) ~= box(2)`, "true"}, {`return box(2)("ab")`, "abab"},
		{`return tools.kinds("10.0.0.1", "10.0.0.0/8", "0x10/0xff", "1kB", "5k/s", {"a"})`, "10.0.0.1 10.0.0.0/8 16 255 1000 5000"},
		{`return tools.kinds("::ffff:10.0.0.1", "fd00::1", 16, 10, nil, nil, 1)`, "10.0.0.1 fd00::1/128 16 4294967295 10 0"},
		{`return tools.sum(1, 2, 3.5)`, "6.5"}, {`return tools.seven`, "7"}, {`return tools.mixed{1, 2, unit = "x"}`, "2"}, {`tools.mixed{1, 10}`, "item 2: 10 is out of range 1 to 9"}, {`tools.mixed{1, units = "x"}`, `unknown field "units"`}, {`return tools.either("a"), tools.either(box(1))`, "nil"},

		{`box(1):plus()`, `bad argument "n" of box:plus: want a whole number, got nil`},
		{`box(1):plus(10)`, `bad argument "n" of box:plus: 10 is out of range 1 to 9`},
		{`box(1):plus(1.5)`, `want a whole number, got 1.5`}, {`box(1):plus(0/0)`, `want a whole number`},
		{`box(1):plus(1, {twise = true})`, `box:plus: unknown field "twise"; did you mean "twice"?`},
		{`tools.need{frist = 1}`, `tools.need: unknown field "frist"; did you mean "first"?`}, {`tools.need{second = 1}`, `bad argument "first" of tools.need`},
		{`box(1):plus(1, {true})`, `unexpected item 1`}, {`box(1):plus(1, {unit = "km"})`, `bad argument "unit" of box:plus: want "cm" or "m", got "km"`},
		{`box(1):plus(1, {wait = "5x"})`, `"5x" is not a duration`}, {`box(1):plus(1, {wait = -1})`, `want a duration such as`},
		{`box(1):plus(1, {}, 3)`, `box:plus takes at most 2 arguments, got 3`}, {`box(1).plus(2)`, `box:plus is a method of a box; call it with a colon`},
		{`return box(1).m`, `a box has no field or method "m"`}, {`return box(1).pluss`, `did you mean "plus"?`}, {`box(1).n = 2`, `cannot set field "n"`},
		{`tools.kinds("10.0.0.1/8")`, `"10.0.0.1/8" is not an IPv4 or IPv6 address`}, {`tools.kinds("::1%eth0")`, `not an IPv4`},
		{`tools.kinds("::1", "10.0.0.1/8")`, `did you mean "10.0.0.0/8"?`}, {`tools.kinds("::1", "::/0", "0x10/0x1")`, `bits outside the mask`},
		{`tools.kinds("::1", "::/0", 2 ^ 32)`, `out of range 0 to 4294967295`}, {`tools.kinds("::1", "::/0", 1, 0)`, `number 0 is out of range 1 to 10000`},
		{`tools.kinds("::1", "::/0", 1, 1.5)`, `want whole bytes`}, {`tools.kinds("::1", "::/0", 1, 1, nil, {1})`, `item 1: want a string, got number 1`},
		{`tools.kinds("::1", "::/0", 1, 1, nil, {""})`, `item 1: empty string`}, {`tools.kinds("::1", "::/0", 1, 1, nil, {"a", x = 1})`, `got a table with named fields`},
		{`tools.sum(1, "2")`, `bad argument "..." of tools.sum: want a number, got "2"`}, {`tools.sum()`, `bad argument "first"`},
		{`tools.either("c")`, `want "a", "b", a number or a box, got "c"`}, {`tools.either()`, `got nil`},
	} {
		L.SetTop(0)
		err := L.DoString(c.code)
		var api *lua.ApiError
		if errors.As(err, &api) {
			if own := luaerr.FromLua(api.Object); own == nil || !strings.Contains(own.Error(), c.want) {
				t.Errorf("%s: got %v, want %s", c.code, own, c.want)
			}
			continue
		}
		if got := L.Get(1).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.code, got, c.want)
		}
	}
}

func TestSignaturesThatAreWrong(t *testing.T) {
	for _, text := range []string{"", "f", "f(", "f(a)", "f(a:)", "f(a: int", "f(a: int,)", "f(a?: int, b: int)", "f(a: int) x", `f(a: "x)`, "f(a: {b: int)", "f(...: int, b: int)", "f(a: int 1.)", "f(a: int b: int)"} {
		if s, err := ParseSignature(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
	if _, err := ParseField("a: int b"); err == nil {
		t.Error("a field with a tail was read")
	}
}

func TestHelp(t *testing.T) {
	L := state(t)
	if err := L.DoString(`b, m, s = box(1), box(1).plus, tools.sum`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x    lua.LValue
		want []string
	}{
		{lua.LNil, []string{"modules", "tools", "functions for tests", "types", "a box of a number\n"}},
		{L.GetGlobal("b"), []string{"box: a box of a number. It is for tests", "ct> box(1).n", "box.n", "box:plus  adds\n"}},
		{L.GetGlobal("m"), []string{"box:plus(n: int 1..9", "adds. Twice", "raises ETYPE beyond 9", "    3"}},
		{L.GetGlobal("s"), []string{"tools.sum(first: number"}}, {L.GetGlobal("tools"), []string{"tools.seven", "tools.kinds"}},
		{lua.LString("box.plus"), []string{"box:plus("}}, {lua.LString("tools.seven"), []string{"tools.seven: int"}},
		{lua.LString("crate:plus"), []string{"box:plus(n: int 1..9"}}, {lua.LString("crate.n"), []string{"box.n: int"}},
		{lua.LString("crate:pluss"), []string{`nothing is called "crate:pluss"; did you mean "box:plus"?`}},
		{lua.LString("tools:zzzzzzzz"), []string{`nothing is called "tools:zzzzzzzz"; help() lists what there is`}},
		{lua.LString("kinds"), []string{"tools.kinds(a: address"}},
		{lua.LString("plus"), []string{"plus is a member of several\n  box:plus    adds\n  tools.plus  adds too"}},
		{lua.LString("kind"), []string{`did you mean "kinds"?`}},
		{lua.LString("sum"), []string{"sum(n: number) -> number\n  stands alone\n  see also tools.sum"}},
		{lua.LString("tools.sun"), []string{`nothing is called "tools.sun"; did you mean "tools.sum"?`}}, {lua.LNumber(1), []string{"want a function, an object or a name, got number"}},
		{L.GetGlobal("print"), []string{"nothing is known of that function"}}, {L.NewTable(), []string{"got table"}},
	} {
		got, err := Help(L, c.x)
		if err != nil {
			got = err.Error()
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("help(%v): %q is not in\n%s", c.x, w, got)
			}
		}
	}
}

func FuzzSignature(f *testing.F) {
	for _, d := range append(boxType.Members, tools.Members...) {
		f.Add(d.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSignature(text); err == nil && s.Name == "" {
			t.Errorf("%q has no name", text)
		}
	})
}
