package library

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/syntax"
)

// state returns a state with all of our libraries, which ends with ctx.
func state(t testing.TB, ctx context.Context, opt IO) *lua.LState {
	t.Helper()
	L := lua.NewState(lua.Options{SkipOpenLibs: true, RegistrySize: 1024, RegistryMaxSize: 1 << 18, RegistryGrowStep: 4096})
	L.Push(L.NewFunction(lua.OpenBase))
	L.Call(0, 0)
	OpenTable(L)
	OpenString(L)
	OpenNumber(L)
	OpenMath(L)
	OpenBit(L)
	OpenOS(L, AllowAll)
	OpenIO(L, opt)
	if ctx != nil {
		L.SetContext(ctx)
	}
	t.Cleanup(L.Close)
	return L
}

// eval runs a chunk, ".." and all as the host does, and returns its first
// value as text.
func eval(L *lua.LState, source string) (text string, err error) {
	chunk, err := parse.Parse(strings.NewReader(source), "test")
	if err != nil {
		return "", err
	}
	proto, err := syntax.Compile(chunk, "test", NewConcat(L))
	if err != nil {
		return "", err
	}
	L.Push(L.NewFunctionFromProto(proto))
	if err := L.PCall(0, 1, nil); err != nil {
		var api *lua.ApiError
		if errors.As(err, &api) && luaerr.FromLua(api.Object) != nil {
			err = luaerr.FromLua(api.Object)
		}
		return "", err
	}
	defer L.Pop(1)
	return ToString(L, L.Get(-1)), nil
}

// show writes results so that no digit and no type is lost.
const show = `
function show(ok, ...)
	if not ok then return "error" end
	local out = ""
	for i = 1, select("#", ...) do
		local v = select(i, ...)
		if v ~= v then v = "nan"
		elseif type(v) == "number" then v = ("%.17g"):format(v)
		elseif type(v) == "table" then v = "{" .. show(true, unpack(v, 1, v.n or #v)) .. "}"
		elseif type(v) == "string" then v = ("%q"):format(v)
		else v = tostring(v) end
		out = out .. v .. " "
	end
	return out
end
function nz(v) return v == 0 and 0 or v end -- ours has no sign at 0
function try(f) return (show(pcall(f)):gsub("\n", "\\n")) end
`

// compare evaluates lists of expressions here and with lua5.1.
func compare(t *testing.T, expressions []string) {
	t.Helper()
	path, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed")
	}
	var b strings.Builder
	b.WriteString(show)
	for i, e := range expressions {
		if i%100 == 0 {
			b.WriteString("do end (function()\n") // a function has only so many constants
		}
		fmt.Fprintf(&b, "print(try(function() return %s end))\n", e)
		if i%100 == 99 || i == len(expressions)-1 {
			b.WriteString("end)()\n")
		}
	}
	file := filepath.Join(t.TempDir(), "expressions.lua")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.500s", err, out)
	}
	want := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(want) != len(expressions) {
		t.Fatalf("%d results of %d expressions", len(want), len(expressions))
	}
	L := state(t, ctx, IO{})
	if _, err := eval(L, show); err != nil {
		t.Fatal(err)
	}
	differ := 0
	for i, e := range expressions {
		got, err := eval(L, "return try(function() return "+e+" end)")
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if got != strings.ReplaceAll(want[i], "-nan", "nan") { // the sign is that of the processor
			if differ++; differ <= 10 {
				t.Errorf("%s = %s in lua5.1, got %s", e, want[i], got)
			}
		}
	}
	if differ > 0 {
		t.Errorf("%d of %d differ", differ, len(expressions))
	}
}

// maker makes expressions at random.
type maker struct{ *rand.Rand }

func newMaker() *maker { return &maker{rand.New(rand.NewPCG(7, 7))} }

func (m *maker) pick(words ...string) string { return words[m.IntN(len(words))] }

func (m *maker) repeat(n int, word func() string) string {
	var b strings.Builder
	for range n {
		b.WriteString(word())
	}
	return b.String()
}

// numeral is something like a number.
func (m *maker) numeral() string {
	digit := func() string { return m.pick("0", "0", "1", "2", "7", "8", "9", "5") }
	digits := func() string { return m.repeat(m.IntN(4), digit) }
	switch m.IntN(8) {
	case 0:
		return m.pick("0x", "0X", "0x0", "0xx") + m.repeat(m.IntN(20), func() string { return m.pick("0", "1", "9", "a", "F", "c", "f") })
	case 1:
		return m.repeat(m.IntN(6), func() string { return m.pick("1", "0", "e", "E", "+", "-", ".", "x", " ", "f") })
	case 2:
		return digits() + "." + digits()
	case 3:
		return digits() + m.pick("", ".") + digits() + m.pick("e", "E") + m.pick("", "+", "-") + digits()
	case 4:
		return m.repeat(m.IntN(25), digit)
	}
	return m.pick("", "-", "+", "--", " ", "\\n ", "\\t") + digits() + m.pick("", "", " ", "\\n", "x", ",")
}

// number is a literal of any size.
func (m *maker) number() string {
	switch m.IntN(5) {
	case 0:
		return fmt.Sprint(m.IntN(2000) - 1000)
	case 1:
		return fmt.Sprintf("%.17g", (m.Float64()-0.5)*1000)
	case 2:
		return fmt.Sprintf("%.*fe%d", 1+m.IntN(17), m.Float64()*10, m.IntN(640)-330)
	case 3:
		return fmt.Sprintf("%de%d", m.IntN(1000), m.IntN(20))
	}
	return m.pick("0", "-1", "2^53", "2^53+1", "-2^63", "1/0", "-1/0", "0/0", "1e15", "1e14", "99999999999999", "123456789012345", "1e100", "0.1", "1/3", "5e-324")
}

// small is a number of which nothing gets lost.
func (m *maker) small() string { return fmt.Sprint(float64(m.IntN(400)-200) / 4) }

func TestNumbersDifferential(t *testing.T) {
	m := newMaker()
	var es []string
	for range 3000 {
		es = append(es, fmt.Sprintf(`tonumber("%s")`, m.numeral()))
		es = append(es, fmt.Sprintf(`tonumber("%s", %s)`, strings.ReplaceAll(m.numeral(), "-", ""), m.pick("10", "2", "8", "16", "36", "3", "1", "37", "0", "'16'", "nil")))
		es = append(es, "tostring("+m.number()+")")
	}
	for range 300 {
		es = append(es, fmt.Sprintf("tonumber(%s, %s)", m.number(), m.pick("10", "nil")), "tonumber("+m.pick("nil", "true", "{}", "print", "")+")")
	}
	compare(t, es)
}

func TestArithmeticDifferential(t *testing.T) {
	m := newMaker()
	var es []string
	for range 3000 {
		x, y := `"`+m.numeral()+`"`, m.pick(`"`+m.numeral()+`"`, m.number(), "{}", "nil", `"3"`)
		if m.IntN(2) == 0 {
			x, y = y, x
		}
		es = append(es, fmt.Sprintf("tostring(nz((%s) %s (%s)))", x, m.pick("+", "-", "*", "/"), y))
		es = append(es, fmt.Sprintf("tostring(nz('%s' %s (%s))), -'%s'", m.small(), m.pick("%", "^", "+"), m.pick("2", "3", "0.5", "'4'", "-3"), m.small()))
		es = append(es, fmt.Sprintf(`-"%s"`, m.numeral()))
		es = append(es, fmt.Sprintf("(%s) .. (%s) .. '|' .. (%s)", m.number(), m.pick("'x'", "''", m.number()), m.number()))
	}
	for range 200 {
		es = append(es, fmt.Sprintf("%s .. %s", m.pick("'a'", "{}", "nil", "1", "print"), m.pick("'a'", "{}", "nil", "1", "true")))
	}
	const meta = `setmetatable({}, {__add = function(a, b) return type(a) .. type(b) end, __unm = function() return "-" end,
		__concat = function(a, b) return (type(a) == "table" and "T" or a) .. "," .. (type(b) == "table" and "T" or b) end})`
	for _, e := range []string{"'1' + %s", "%s + '1'", "'x' + %s", "-%s", "'a' .. %s", "%s .. 'a' .. 1", "1 .. 2 .. %s .. 3 .. 4", "%[1]s .. %[1]s", "'a' .. 'b' .. %[1]s .. 'c' .. %[1]s .. 5"} {
		es = append(es, fmt.Sprintf(e, "("+strings.ReplaceAll(meta, "\n", " ")+")"))
	}
	compare(t, es)
}

// list is a table with items of one kind, and their number.
func (m *maker) list() (string, int) {
	n := m.IntN(9)
	item := func() string { return m.small() + ", " }
	switch m.IntN(3) {
	case 0:
		item = func() string { return "'" + m.pick("a", "b", "ab", "", "10", "9", "Z") + "', " }
	case 1:
		if m.IntN(4) == 0 {
			item = func() string { return m.pick("1", "'x'", "true", "{}") + ", " }
		}
	}
	return "{" + m.repeat(n, item) + "}", n
}

func TestTablesDifferential(t *testing.T) {
	m := newMaker()
	var es []string
	at := func(n int) string { return fmt.Sprint(m.IntN(n+5) - 2) }
	for range 1000 {
		list, n := m.list()
		es = append(es,
			fmt.Sprintf("table.concat(%s%s)", list, m.pick("", ", ','", ", 1", ", nil, "+at(n), ", '-', "+at(n)+", "+at(n))),
			fmt.Sprintf("(function(t) local r = {n = 1, table.remove(t%s)} return t, r[1], #t end)(%s)", m.pick("", ", "+at(n), ", '2'", ", "+at(n)+".7"), list),
			fmt.Sprintf("(function(t) table.insert(t, %s'v') return t, #t, t[%d] end)(%s)", m.pick("", fmt.Sprint(1+m.IntN(n+1), ", "), "'1', "), n+3, list),
			fmt.Sprintf("(function(t) table.sort(t%s) return t end)(%s)", m.pick("", ", nil", ", function(a, b) return a > b end", ", function(a, b) return tostring(a) < tostring(b) end"), list),
			fmt.Sprintf("unpack(%s%s)", list, m.pick("", ", "+at(n), ", "+at(n)+", "+at(n), ", nil, "+at(n))),
			fmt.Sprintf("select(%s%s)", m.pick("'#'", at(n), "'2'", "-1", "-3", "1.9"), m.repeat(n, func() string { return ", " + m.small() })),
			fmt.Sprintf("table.maxn(%s), table.getn(%s), #(%s)", list, list, list),
		)
	}
	es = append(es, "table.maxn({[1.5] = 1, [-3] = 1, x = 1})", "table.maxn({[1e10] = 1})", "table.maxn({})", "table.maxn()", "table.insert({})", "table.insert({}, 1, 2, 3)",
		"table.insert()", "table.remove()", "table.concat()", "table.concat({{}})", "table.concat({1, 2}, {})", "table.concat({}, 'x', 1, 3)", "table.concat({[5] = 'a', [6] = 'b'}, ',', 5, 6)",
		"table.sort()", "table.sort({1, 2}, 5)", "table.sort({3, 1}, function() error('x') end)", "select()", "select(0)", "select({})", "select(-1)", "unpack()", "unpack({}, 1, 3)",
		"unpack({}, 1, 1e7)", "unpack({1, 2, 3}, -1, 1)", "(function(t) table.insert(t, 7, 'v') return t[7] end)({})", "(function(...) return ..., select('#', ...) end)(unpack({1, nil, 3}, 1, 3))")
	compare(t, es)
}
