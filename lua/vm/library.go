package vm

import (
	"runtime"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// removed are the base functions that reach files, or that only gopher-lua has.
var removed = []string{"dofile", "loadfile", "newproxy", "_printregs", "module", "_GOPHER_LUA_VERSION"}

// openLibs opens what of the stock library can do no harm, and puts ours in
// place of what can.
func (v *VM) openLibs() {
	v.open(lua.BaseLibName, lua.OpenBase)
	v.open(lua.TabLibName, lua.OpenTable)
	v.open(lua.StringLibName, lua.OpenString)
	v.open(lua.MathLibName, lua.OpenMath)
	v.open(lua.CoroutineLibName, lua.OpenCoroutine)
	for _, name := range removed {
		v.Set(name, lua.LNil)
	}
	for name, fn := range map[string]func(*value.Args) int{
		"print": v.print, "exit": exit, "assert": assert, "collectgarbage": collectGarbage,
		"load": v.loadReader, "loadstring": v.loadString,
	} {
		v.Set(name, value.Func(v.L, name, fn))
	}
	v.Set("pcall", v.L.NewFunction(v.protected))
	v.Set("xpcall", v.L.NewFunction(v.protectedWith))
	v.openCoroutines()
	v.openPackage()
	v.openOS()
	v.L.G.Global.RawGetString("string").(*lua.LTable).RawSetString("rep", value.Func(v.L, "string.rep", rep))
	arg := v.L.CreateTable(len(v.opt.Args), 1)
	arg.RawSetInt(0, lua.LString(v.opt.Name))
	for i, s := range v.opt.Args {
		arg.RawSetInt(i+1, lua.LString(s))
	}
	v.Set("arg", arg)
}

// open opens a stock library.
func (v *VM) open(name string, fn lua.LGFunction) {
	v.L.Push(v.L.NewFunction(fn))
	v.L.Push(lua.LString(name))
	v.L.Call(1, 0)
}

// openOS keeps the clock and the environment of the stock os.
func (v *VM) openOS() {
	v.open(lua.OsLibName, lua.OpenOs)
	stock := v.L.G.Global.RawGetString("os").(*lua.LTable)
	safe := v.L.NewTable()
	for _, name := range []string{"time", "date", "clock", "difftime", "getenv"} {
		safe.RawSetString(name, stock.RawGetString(name))
	}
	v.Set("os", safe)
	v.L.G.Registry.RawGetString("_LOADED").(*lua.LTable).RawSetString("os", safe)
}

// elsewhere are globals of other Lua versions, which libraries probe for.
var elsewhere = []string{"jit", "utf8", "bit", "bit32", "debug", "io", "module", "newproxy"}

// strictGlobals makes reading a global that nobody ever set an error. One that
// was set to nil, or that only other versions of Lua have, reads as nil.
func (v *VM) strictGlobals() {
	known := map[string]bool{}
	for _, name := range elsewhere {
		known[name] = true
	}
	mt := v.L.NewTable()
	mt.RawSetString("__index", v.L.NewFunction(func(L *lua.LState) int {
		name := L.Get(2).String()
		if known[name] {
			L.Push(lua.LNil)
			return 1
		}
		var names []string
		L.G.Global.ForEach(func(k, _ lua.LValue) { names = append(names, k.String()) })
		e := luaerr.New(luaerr.EFIELD, "", "unknown global %q", name)
		luaerr.Raise(L, e.WithHint(luaerr.DidYouMean(name, names)))
		return 0
	}))
	mt.RawSetString("__newindex", v.L.NewFunction(func(L *lua.LState) int {
		known[L.Get(2).String()] = true
		L.RawSet(L.CheckTable(1), L.Get(2), L.Get(3))
		return 0
	}))
	mt.RawSetString("__metatable", lua.LString("globals"))
	v.L.G.Global.Metatable = mt
}

// print writes its arguments, as tostring makes them, in one write.
func (v *VM) print(a *value.Args) int {
	var b strings.Builder
	for i := range a.Len() {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(a.L.ToStringMeta(a.Get(i + 1)).String())
	}
	b.WriteByte('\n')
	if _, err := v.opt.Stdout.Write([]byte(b.String())); err != nil {
		a.Raise(luaerr.New(luaerr.EIO, "print", "%w", err))
	}
	return 0
}

// exit ends the script, through every protected call, once its tasks have
// been told.
func exit(a *value.Args) int {
	code := 0
	if !a.Missing(1) {
		code = int(a.Int(1, "code", 0, 255))
	}
	e := &luaerr.Exit{Status: code}
	From(a.L).Tasks.Stop(e)
	luaerr.Raise(a.L, e)
	return 0
}

// assert raises its second argument as it is, also when that is an object.
func assert(a *value.Args) int {
	if a.Len() == 0 {
		a.Bad("condition", "a value is missing")
	}
	if lua.LVAsBool(a.Get(1)) {
		return a.L.GetTop()
	}
	if a.Missing(2) {
		a.L.RaiseError("assertion failed!")
	}
	if s, ok := a.Get(2).(lua.LString); ok {
		a.L.Error(s, 0)
	}
	a.L.Error(a.Get(2), 1)
	return 0
}

// collectGarbage knows "count"; Go collects on its own.
func collectGarbage(a *value.Args) int {
	what := "collect"
	if !a.Missing(1) {
		what = a.String(1, "what")
	}
	if what != "count" {
		return a.Return(lua.LNumber(0))
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return a.Return(lua.LNumber(float64(m.HeapAlloc) / 1024))
}

// maxString is the longest string that one call makes.
const maxString = 16 << 20

// rep is string.rep with a bound.
func rep(a *value.Args) int {
	s := a.Text(1, "string")
	n := a.Int(2, "count", -1<<53, 1<<53)
	if n <= 0 || s == "" {
		return a.Return(lua.LString(""))
	}
	if n > maxString/int64(len(s)) {
		a.Raise(luaerr.New(luaerr.ETYPE, a.Op, "the result would be longer than %d bytes", maxString))
	}
	return a.Return(lua.LString(strings.Repeat(s, int(n))))
}

// loadString compiles a string; like Lua's it returns nil and a message where
// that fails.
func (v *VM) loadString(a *value.Args) int { return v.loadText(a, a.Text(1, "source")) }

// loadReader is load: the text comes in pieces from a function.
func (v *VM) loadReader(a *value.Args) int {
	fn := a.Func(1, "reader")
	var b strings.Builder
	for b.Len() <= maxSource {
		a.L.Push(fn)
		a.L.Call(0, 1)
		piece, ok := a.L.Get(-1).(lua.LString)
		a.L.Pop(1)
		if !ok || piece == "" {
			break
		}
		b.WriteString(string(piece))
	}
	return v.loadText(a, b.String())
}

func (v *VM) loadText(a *value.Args, source string) int {
	name := "loadstring"
	if !a.Missing(2) {
		name = strings.TrimLeft(a.String(2, "name"), "=@")
	}
	if strings.HasPrefix(source, "\x1b") {
		return a.Return(lua.LNil, lua.LString("compiled chunks are not read"))
	}
	fn, err := v.load(name, source)
	if err != nil {
		return a.Return(lua.LNil, lua.LString(err.Error()))
	}
	return a.Return(fn)
}
