package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// protected is pcall: the function runs on a thread of its own, and what was
// raised comes back as it was raised.
func (v *VM) protected(L *lua.LState) int {
	L.CheckAny(1)
	n, failed := v.try(L, 2)
	if failed != nil {
		L.Push(lua.LFalse)
		L.Push(v.caught(L, failed))
		return 2
	}
	return n
}

// protectedWith is xpcall. The handler runs after the frames of the function
// are gone, because only then its captured variables are settled.
func (v *VM) protectedWith(L *lua.LState) int {
	handler, ok := L.Get(2).(*lua.LFunction)
	if !ok {
		luaerr.Raise(L, luaerr.New(luaerr.ETYPE, "xpcall", "bad argument %q of xpcall: want a function, got %s", "handler", value.Describe(L.Get(2))))
	}
	n, failed := v.try(L, 3)
	if failed == nil {
		return n
	}
	results, err := v.Call(L, handler, lua.MultRet, v.caught(L, failed))
	if err != nil {
		results = []lua.LValue{luaerr.ToLua(L, err)}
	}
	L.Push(lua.LFalse)
	for _, x := range results {
		L.Push(x)
	}
	return len(results) + 1
}

// try calls the first argument with those from first on. It leaves true and
// the results on L and returns their number, or what was raised.
func (v *VM) try(L *lua.LState, first int) (n int, failed *lua.ApiError) {
	th, err := v.enter()
	if err != nil {
		luaerr.Raise(L, err)
	}
	th.Push(L.Get(1))
	nargs := max(0, L.GetTop()-first+1)
	for i := range nargs {
		th.Push(L.Get(first + i))
	}
	if failed = v.pcall(th, nargs, lua.MultRet); failed != nil {
		return 0, failed
	}
	n = th.GetTop()
	L.Push(lua.LTrue)
	th.XMoveTo(L, n)
	v.leave(th)
	return n + 1, nil
}

// caught is the value for a script that caught an error. The end of the script
// or of the evaluation is not for it to catch, and goes on.
func (v *VM) caught(L *lua.LState, failed *lua.ApiError) lua.LValue {
	var exit *luaerr.Exit
	if errors.As(luaerr.FromLua(failed.Object), &exit) {
		luaerr.Raise(L, exit)
	}
	if err := luaerr.Interrupted(v.Context()); err != nil {
		luaerr.Raise(L, at(err, failed))
	}
	var e *luaerr.Error
	if errors.As(luaerr.FromLua(failed.Object), &e) && e.Where == "" {
		positioned := *e // a function of ours, called by pcall itself
		positioned.Where = luaerr.Where(L)
		return luaerr.ToLua(L, &positioned)
	}
	if failed.Object == nil {
		return lua.LString(failed.Error())
	}
	return failed.Object
}
