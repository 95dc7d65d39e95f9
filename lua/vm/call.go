package vm

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/library"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// maxFree bounds the threads that are kept for the next call.
const maxFree = 32

// Call calls fn on a Lua thread of its own, so that an error in it closes only
// its own captured variables (a caught error in gopher-lua closes those of the
// whole thread), and returns its results or an error that is one of package
// luaerr. want is the number of results, lua.MultRet for all.
func (v *VM) Call(L *lua.LState, fn *lua.LFunction, want int, args ...lua.LValue) (results []lua.LValue, err error) {
	results, failed, err := v.attempt(fn, want, args)
	if failed != nil {
		err = v.convert(failed)
	}
	return results, err
}

// attempt is Call for who wants to know what was raised as it was raised. err
// says that there was no call.
func (v *VM) attempt(fn *lua.LFunction, want int, args []lua.LValue) (results []lua.LValue, failed *lua.ApiError, err error) {
	th, err := v.enter()
	if err != nil {
		return nil, nil, err
	}
	th.Push(fn)
	for _, a := range args {
		th.Push(a)
	}
	if failed = v.pcall(th, len(args), want); failed != nil {
		return nil, failed, nil
	}
	if n := th.GetTop(); n > 0 {
		results = make([]lua.LValue, n)
		for i := range results {
			results[i] = th.Get(i + 1)
		}
	}
	v.leave(th)
	return results, nil, nil
}

// text is what tostring returns for a value, its __tostring called protected.
func (v *VM) text(x lua.LValue) (string, error) {
	switch x := x.(type) {
	case *lua.LTable, *lua.LUserData:
	case lua.LNumber:
		return library.FormatNumber(float64(x)), nil
	default:
		return x.String(), nil
	}
	results, err := v.Call(v.L, v.tostring, 1, x)
	if err != nil {
		return "", err
	}
	return results[0].String(), nil
}

// enter returns a thread to make a protected call on.
func (v *VM) enter() (*lua.LState, error) {
	if v.now.depth >= maxDepth {
		return nil, luaerr.New(luaerr.ESCRIPT, "", "stack overflow: more than %d protected calls inside each other", maxDepth)
	}
	var th *lua.LState
	if n := len(v.free); n > 0 {
		th, v.free = v.free[n-1], v.free[:n-1]
	} else {
		// The main thread has no context, so that this makes no child of it:
		// gopher-lua would never cancel that, and its parent would keep it.
		th, _ = v.L.NewThread()
	}
	th.SetContext(v.Context())
	th.Push(v.guard)
	return th, nil
}

// leave gives a thread back after a call that worked. One that failed is
// dropped: its frames may be referred to still.
func (v *VM) leave(th *lua.LState) {
	if len(v.free) < maxFree {
		th.SetTop(0)
		v.free = append(v.free, th)
	}
}

// pcall calls what was pushed on a thread from enter.
func (v *VM) pcall(th *lua.LState, nargs, want int) *lua.ApiError {
	caller := v.L.G.CurrentThread
	v.L.G.CurrentThread = th
	v.now.depth++
	err := th.PCall(nargs+1, want, nil)
	v.now.depth--
	v.L.G.CurrentThread = caller
	var api *lua.ApiError
	errors.As(err, &api)
	return api
}

// guarded is the bottom frame of a protected call. It turns a Go panic into a
// Lua error while the frames still stand: gopher-lua's own recovery leaves
// captured variables pointing into a stack that is gone.
func (v *VM) guarded(L *lua.LState) int {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		forgetTailCalls(L)
		if api, ok := r.(*lua.ApiError); ok {
			panic(api)
		}
		if text, ok := r.(string); ok && strings.Contains(text, "callstack overflow") {
			L.RaiseError("stack overflow: more than %d calls inside each other", callStack)
		}
		v.panics++
		where := luaerr.Where(L)
		fmt.Fprintf(v.opt.Stderr, "ctsh: internal error at %s: %v\n%s", where, r, debug.Stack())
		luaerr.Raise(L, &luaerr.Error{Code: luaerr.EINTERNAL, Msg: fmt.Sprintf("ctsh failed: %v", r), Where: where})
	}()
	L.Call(L.GetTop()-1, lua.MultRet)
	return L.GetTop()
}

// Panics is how many Go panics of our own functions were turned into errors.
func (v *VM) Panics() int { return v.panics }

// suspend puts away what belongs to the task that is about to block, and
// returns what brings it back.
func (v *VM) suspend() (resume func()) {
	G, mine, thread := v.L.G, v.now, v.L.G.CurrentThread
	v.now, G.CurrentThread = turn{}, G.MainThread
	return func() { v.now, G.CurrentThread = mine, thread }
}
