package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// openCoroutines puts ours around the stock coroutine functions: coroutines
// run under the context of whoever resumes them, may not be resumed while
// they run in another task, are counted as calls inside each other and as such,
// and do not swallow the end of the script.
func (v *VM) openCoroutines() {
	lib := v.L.G.Global.RawGetString("coroutine").(*lua.LTable)
	stock := func(name string) lua.LGFunction { return lib.RawGetString(name).(*lua.LFunction).GFunction }
	resume, status := stock("resume"), stock("status")
	wrapped := func(L *lua.LState) *lua.LState { return L.Get(-1).(*lua.LFunction).Upvalues[0].Value().(*lua.LState) }
	makeWrapped := v.bounded(stock("wrap"), wrapped)
	for name, fn := range map[string]lua.LGFunction{
		"create": v.bounded(stock("create"), func(L *lua.LState) *lua.LState { return L.ToThread(-1) }),
		"resume": func(L *lua.LState) int { return v.resume(L, L.CheckThread(1), resume, false) },
		"wrap": func(L *lua.LState) int {
			makeWrapped(L)
			inner := L.Get(-1).(*lua.LFunction)
			th := wrapped(L)
			L.Push(L.NewClosure(func(L *lua.LState) int { return v.resume(L, th, inner.GFunction, true) }, th))
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

// bounded calls a function that makes a coroutine unless there are too many.
// The coroutine, which made finds on the stack, gets no child of the context:
// nobody would cancel it, and the parent would keep it.
func (v *VM) bounded(fn lua.LGFunction, made func(*lua.LState) *lua.LState) lua.LGFunction {
	return func(L *lua.LState) int {
		if err := v.alive.room(); err != nil {
			luaerr.Raise(L, err)
		}
		ctx := L.RemoveContext()
		defer func() {
			if ctx != nil {
				L.SetContext(ctx)
			}
		}()
		n := fn(L)
		v.alive.add(made(L))
		return n
	}
}

// resume continues a coroutine with the stock function, and ends those that
// gopher-lua forgets to end.
func (v *VM) resume(L, th *lua.LState, stock lua.LGFunction, wrapped bool) int {
	if v.running[th] {
		L.RaiseError("cannot resume a coroutine that runs already")
	}
	if v.now.depth >= maxDepth {
		L.RaiseError("stack overflow: more than %d coroutines inside each other", maxDepth)
	}
	th.SetContext(v.Context())
	v.now.depth++
	v.running[th] = true
	returned := false
	defer func() {
		v.now.depth--
		delete(v.running, th)
		v.L.G.CurrentThread = L
		th.Dead = th.Dead || !returned // the stock wrap lets one go on that an error ended
		if th.Dead {
			v.alive.died(th)
		}
	}()
	if _, inside := th.GetStack(0); !inside && !th.Dead && !v.alive.begin(th) {
		// Its last word was "return coroutine.yield(...)": what it is given
		// now is what it returns.
		returned, th.Dead = true, true
		if !wrapped {
			L.Replace(1, lua.LTrue)
		}
		return L.GetTop()
	}
	n := stock(L)
	returned = true
	if th.Parent != nil && !th.Dead { // its function was one of a library, and has returned
		th.Parent, th.Dead = nil, true
		top := L.GetTop()
		if !wrapped {
			L.Push(lua.LTrue)
		}
		th.XMoveTo(L, th.GetTop())
		return L.GetTop() - top
	}
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
