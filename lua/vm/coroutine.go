package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// openCoroutines puts ours around the stock coroutine functions: coroutines
// run under the context of whoever resumes them, may not be resumed while
// they run in another task, are counted as calls inside each other, and do not
// swallow the end of the script.
func (v *VM) openCoroutines() {
	lib := v.L.G.Global.RawGetString("coroutine").(*lua.LTable)
	stock := func(name string) lua.LGFunction { return lib.RawGetString(name).(*lua.LFunction).GFunction }
	resume, wrap, status := stock("resume"), stock("wrap"), stock("status")
	for name, fn := range map[string]lua.LGFunction{
		"create": plain(stock("create")),
		"resume": func(L *lua.LState) int { return v.resume(L, L.CheckThread(1), resume) },
		"wrap": func(L *lua.LState) int {
			plain(wrap)(L)
			inner := L.Get(-1).(*lua.LFunction)
			th := inner.Upvalues[0].Value().(*lua.LState)
			L.Push(L.NewClosure(func(L *lua.LState) int { return v.resume(L, th, inner.GFunction) }, th))
			return 1
		},
		"status": func(L *lua.LState) int {
			if th := L.CheckThread(1); v.running[th] && th != L {
				L.Push(lua.LString("normal"))
				return 1
			}
			return status(L)
		},
		"running": func(L *lua.LState) int {
			if v.running[L] {
				L.Push(L)
			} else {
				L.Push(lua.LNil)
			}
			return 1
		},
	} {
		lib.RawSetString(name, v.L.NewFunction(fn))
	}
}

// plain calls a function that makes a thread so that the thread gets no child
// of the context: nobody would cancel it, and the parent would keep it.
func plain(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		ctx := L.RemoveContext()
		defer func() {
			if ctx != nil {
				L.SetContext(ctx)
			}
		}()
		return fn(L)
	}
}

// resume continues a coroutine with the stock function.
func (v *VM) resume(L, th *lua.LState, stock lua.LGFunction) int {
	if v.running[th] {
		L.RaiseError("cannot resume a coroutine that runs already")
	}
	if v.now.depth >= maxDepth {
		L.RaiseError("stack overflow: more than %d coroutines inside each other", maxDepth)
	}
	th.SetContext(v.Context())
	v.now.depth++
	v.running[th] = true
	defer func() {
		v.now.depth--
		delete(v.running, th)
		v.L.G.CurrentThread = L
	}()
	n := stock(L)
	if n == 2 && L.Get(-2) == lua.LFalse {
		var exit *luaerr.Exit
		if errors.As(luaerr.FromLua(L.Get(-1)), &exit) {
			luaerr.Raise(L, exit)
		}
		if err := luaerr.Interrupted(v.Context()); err != nil {
			luaerr.Raise(L, err)
		}
	}
	return n
}
