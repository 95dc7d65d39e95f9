package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/library"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// removed are the base functions that reach files, or that only gopher-lua has.
var removed = []string{"dofile", "loadfile", "newproxy", "_printregs", "module", "_GOPHER_LUA_VERSION"}

// openLibs opens what of the stock library can do no harm, and puts ours in
// place of what can.
func (v *VM) openLibs() {
	v.open(lua.BaseLibName, lua.OpenBase)
	library.OpenTable(v.L)
	library.OpenString(v.L)
	library.OpenNumber(v.L)
	library.OpenMath(v.L)
	library.OpenBit(v.L)
	library.OpenOS(v.L, v.opt.Allow)
	if v.opt.Allow.FS {
		library.OpenIO(v.L, library.IO{Stdin: v.opt.Stdin, Stdout: v.opt.Stdout, Stderr: v.opt.Stderr, Block: v.Tasks.Block})
	}
	v.open(lua.CoroutineLibName, lua.OpenCoroutine)
	for _, name := range removed {
		v.Set(name, lua.LNil)
	}
	prelude.Open(v.L, v, v.Set)
	v.Set("pcall", v.L.NewFunction(v.protected))
	v.Set("xpcall", v.L.NewFunction(v.protectedWith))
	v.openCoroutines()
	v.openPackage()
	v.openDebug()
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

// elsewhere are globals of other Lua versions, which libraries probe for.
var elsewhere = []string{"jit", "utf8", "bit", "bit32", "io", "module", "newproxy"}

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
		hint, denied := v.opt.Denied[name]
		if !denied {
			hint = luaerr.DidYouMean(name, names)
		}
		luaerr.Raise(L, e.WithHint(hint))
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
