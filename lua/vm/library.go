package vm

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// openLibs opens what of the stock library can do no harm, and puts ours in
// place of what can.
func (v *VM) openLibs() {
	L := v.L
	for _, lib := range []struct {
		name string
		open lua.LGFunction
	}{{lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}, {lua.StringLibName, lua.OpenString},
		{lua.MathLibName, lua.OpenMath}, {lua.CoroutineLibName, lua.OpenCoroutine}} {
		L.Push(L.NewFunction(lib.open))
		L.Push(lua.LString(lib.name))
		L.Call(1, 0)
	}
	for _, name := range []string{"dofile", "loadfile", "load", "loadstring", "newproxy", "_printregs", "module", "require", "collectgarbage", "getfenv", "setfenv"} {
		v.Set(name, lua.LNil)
	}
	for name, fn := range map[string]func(*value.Args) int{
		"print": v.print, "pcall": v.protected, "xpcall": v.protectedWith, "exit": exit,
		"require": v.require, "loadstring": v.loadString,
	} {
		v.Set(name, value.Func(L, name, fn))
	}
	arg := L.CreateTable(len(v.opt.Args), 1)
	arg.RawSetInt(0, lua.LString(v.opt.Name))
	for i, s := range v.opt.Args {
		arg.RawSetInt(i+1, lua.LString(s))
	}
	v.Set("arg", arg)
	v.openOS()
}

// openOS keeps the clock and the environment of the stock os.
func (v *VM) openOS() {
	L := v.L
	L.Push(L.NewFunction(lua.OpenOs))
	L.Push(lua.LString(lua.OsLibName))
	L.Call(1, 0)
	stock := v.L.G.Global.RawGetString("os").(*lua.LTable)
	safe := L.NewTable()
	for _, name := range []string{"time", "date", "clock", "difftime", "getenv"} {
		safe.RawSetString(name, stock.RawGetString(name))
	}
	v.Set("os", safe)
}

// strictGlobals makes reading a global that nobody set an error.
func (v *VM) strictGlobals() {
	mt := v.L.NewTable()
	mt.RawSetString("__index", v.L.NewFunction(func(L *lua.LState) int {
		name := L.Get(2).String()
		var known []string
		L.G.Global.ForEach(func(k, _ lua.LValue) { known = append(known, k.String()) })
		e := luaerr.New(luaerr.EFIELD, "", "unknown global %q", name)
		luaerr.Raise(L, e.WithHint(luaerr.DidYouMean(name, known)))
		return 0
	}))
	mt.RawSetString("__metatable", lua.LString("globals"))
	v.L.G.Global.Metatable = mt
}

func (v *VM) print(a *value.Args) int {
	parts := make([]string, a.Len())
	for i := range parts {
		parts[i] = a.L.ToStringMeta(a.Get(i + 1)).String()
	}
	if _, err := fmt.Fprintln(v.opt.Stdout, strings.Join(parts, "\t")); err != nil {
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

// protected is pcall.
func (v *VM) protected(a *value.Args) int {
	results, err := v.callArgs(a, 2)
	if err != nil {
		return a.Return(lua.LFalse, luaerr.ToLua(a.L, err))
	}
	return a.Return(append([]lua.LValue{lua.LTrue}, results...)...)
}

// protectedWith is xpcall: its second argument is the handler.
func (v *VM) protectedWith(a *value.Args) int {
	handler := a.Func(2, "handler")
	results, err := v.callArgs(a, 3)
	if err == nil {
		return a.Return(append([]lua.LValue{lua.LTrue}, results...)...)
	}
	results, err = v.Call(a.L, handler, lua.MultRet, luaerr.ToLua(a.L, err))
	a.Raise(err)
	return a.Return(append([]lua.LValue{lua.LFalse}, results...)...)
}

// callArgs calls the first argument with those from first on. The end of the
// script is not an error that a script can catch.
func (v *VM) callArgs(a *value.Args, first int) ([]lua.LValue, error) {
	fn, ok := a.Get(1).(*lua.LFunction)
	if !ok {
		return nil, luaerr.New(luaerr.ETYPE, a.Op, "attempt to call %s", value.Describe(a.Get(1)))
	}
	var args []lua.LValue
	for i := first; i <= a.Len(); i++ {
		args = append(args, a.Get(i))
	}
	results, err := v.Call(a.L, fn, lua.MultRet, args...)
	if err != nil && v.Context().Err() != nil {
		luaerr.Raise(a.L, err)
	}
	return results, err
}

// loadString compiles a string; like Lua's it returns nil and a message where
// that fails.
func (v *VM) loadString(a *value.Args) int {
	source := a.String(1, "source")
	name := "loadstring"
	if !a.Missing(2) {
		name = a.String(2, "name")
	}
	fn, err := v.load(name, source)
	if err != nil {
		return a.Return(lua.LNil, lua.LString(err.Error()))
	}
	return a.Return(fn)
}

// require loads a module once: from the embedded library, then from the
// directory of the script.
func (v *VM) require(a *value.Args) int {
	name := a.String(1, "module")
	loaded, ok := a.L.G.Registry.RawGetString("ctsh.loaded").(*lua.LTable)
	if !ok {
		loaded = a.L.NewTable()
		a.L.G.Registry.RawSetString("ctsh.loaded", loaded)
	}
	if m := loaded.RawGetString(name); m != lua.LNil {
		return a.Return(m)
	}
	source, path, err := v.findModule(name)
	a.Raise(err)
	fn, err := v.load(path, source)
	a.Raise(err)
	results, err := v.Call(a.L, fn, 1, lua.LString(name))
	a.Raise(err)
	m := results[0]
	if m == lua.LNil {
		m = lua.LTrue
	}
	loaded.RawSetString(name, m)
	return a.Return(m)
}

func (v *VM) findModule(name string) (source, path string, err error) {
	rel := strings.ReplaceAll(name, ".", "/") + ".lua"
	if !fs.ValidPath(rel) {
		return "", "", luaerr.New(luaerr.ENOENT, "require", "%q is not the name of a module", name)
	}
	if v.opt.Stdlib != nil {
		if b, err := fs.ReadFile(v.opt.Stdlib, rel); err == nil {
			return string(b), rel, nil
		}
	}
	where := "the embedded library"
	if v.opt.Dir != "" {
		path = filepath.Join(v.opt.Dir, rel)
		where += " and " + v.opt.Dir
		if b, err := os.ReadFile(path); err == nil {
			return string(b), path, nil
		}
	}
	return "", "", luaerr.New(luaerr.ENOENT, "require", "no module %q; looked in %s", name, where)
}
