package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/task"
)

// Options are what a script is given.
type Options struct {
	Stdout io.Writer
	Stderr io.Writer
	Name   string   // of the script, arg[0]
	Args   []string // arg[1] and so on
	Stdlib fs.FS    // modules that require finds first, may be nil
	Dir    string   // directory that require looks in next, may be ""
}

// VM is one script. Its methods are called with the turn of its tasks held,
// New and Close excepted.
type VM struct {
	L     *lua.LState
	Tasks *task.Group
	opt   Options
	lines map[string][]string // source lines by chunk, for excerpts
}

// Limits of a state: 64 k values on the registry at most, and 200 calls deep
// is what a script may nest in one thread.
const (
	registrySize = 1024
	registryMax  = 1 << 20
	callStack    = 256
)

// New returns a state with the safe library. It ends when ctx does.
func New(ctx context.Context, opt Options) *VM {
	v := &VM{opt: opt, lines: map[string][]string{}}
	v.Tasks = task.New(ctx, func(name string, err error) {
		fmt.Fprintf(opt.Stderr, "ctsh: %s: %s\n", name, v.Explain(err))
	})
	v.L = lua.NewState(lua.Options{SkipOpenLibs: true, RegistrySize: registrySize, RegistryMaxSize: registryMax,
		RegistryGrowStep: 4096, CallStackSize: callStack, MinimizeStackMemory: true})
	v.L.SetContext(v.Tasks.Context())
	v.openLibs()
	v.strictGlobals()
	ud := v.L.NewUserData()
	ud.Value = v
	v.L.G.Registry.RawSetString(vmKey, ud)
	return v
}

const vmKey = "ctsh.vm"

// From returns the VM of a state or of one of its threads.
func From(L *lua.LState) *VM {
	return L.G.Registry.RawGetString(vmKey).(*lua.LUserData).Value.(*VM)
}

// Close ends all tasks and frees the state. The turn must not be held.
func (v *VM) Close() {
	v.Tasks.Close()
	v.L.Close()
}

// Set makes a global.
func (v *VM) Set(name string, value lua.LValue) { v.L.G.Global.RawSetString(name, value) }

// Run runs a chunk to the end of its main part. name is what positions show.
func (v *VM) Run(name, source string) error {
	fn, err := v.load(name, source)
	if err != nil {
		return err
	}
	_, err = v.Call(v.L, fn, 0)
	return err
}

// Eval runs a chunk as the prompt does: as an expression if it is one. It
// returns its values.
func (v *VM) Eval(name, source string) ([]lua.LValue, error) {
	fn, err := v.load(name, "return "+source)
	if err != nil {
		if fn, err = v.load(name, source); err != nil {
			return nil, err
		}
	}
	v.lines[name] = strings.Split(source, "\n")
	return v.Call(v.L, fn, lua.MultRet)
}

// Show is Eval with a context of its own, whose end stops the evaluation and
// leaves the state usable. It returns the values as text, nil ones left out.
func (v *VM) Show(ctx context.Context, name, source string) ([]string, error) {
	whole := v.L.Context()
	v.L.SetContext(ctx)
	defer v.L.SetContext(whole)
	values, err := v.Eval(name, source)
	var texts []string
	for _, x := range values {
		if x != lua.LNil {
			texts = append(texts, v.L.ToStringMeta(x).String())
		}
	}
	return texts, err
}

// Context is that of the evaluation under way: what bindings wait with.
func (v *VM) Context() context.Context { return v.L.Context() }

// Call calls fn on a Lua thread of its own, so that an error in it closes only
// its own captured variables (a caught error in gopher-lua closes those of the
// whole thread), and returns its results or an error that is one of package
// luaerr. want is the number of results, lua.MultRet for all.
func (v *VM) Call(L *lua.LState, fn *lua.LFunction, want int, args ...lua.LValue) (results []lua.LValue, err error) {
	th, cancel := L.NewThread()
	if cancel != nil {
		defer cancel()
	}
	th.Push(fn)
	for _, a := range args {
		th.Push(a)
	}
	if err := v.pcall(th, len(args), want); err != nil {
		return nil, err
	}
	n := th.GetTop()
	results = make([]lua.LValue, n)
	for i := range results {
		results[i] = th.Get(i + 1)
	}
	return results, nil
}

// pcall turns what can come out of a protected call into errors of luaerr. A
// panic in a binding is a defect of ours and says so.
func (v *VM) pcall(th *lua.LState, nargs, want int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = luaerr.New(luaerr.EINTERNAL, "", "ctsh failed: %v\n%s", r, debug.Stack())
		}
	}()
	return v.convert(th.PCall(nargs, want, nil))
}

// convert makes a luaerr error of what gopher-lua returns.
func (v *VM) convert(err error) error {
	var api *lua.ApiError
	if err == nil || !errors.As(err, &api) {
		return err
	}
	if own := luaerr.FromLua(api.Object); own != nil {
		var e *luaerr.Error
		if errors.As(own, &e) && e.Trace == "" {
			c := *e
			c.Excerpt, c.Trace = v.excerpt(c.Where), trace(api.StackTrace)
			return &c
		}
		return own
	}
	if ctx := v.L.Context(); ctx.Err() != nil && interrupted(api) {
		return context.Cause(ctx)
	}
	msg := describe(api)
	e := &luaerr.Error{Code: luaerr.ESCRIPT, Msg: msg, Cause: api.Cause, Trace: trace(api.StackTrace)}
	if where, rest, ok := position(msg); ok {
		e.Where, e.Msg = where, rest
		e.Excerpt = v.excerpt(where)
	}
	return e
}

// interrupted tells whether an error is the context's end, which gopher-lua
// raises as text.
func interrupted(api *lua.ApiError) bool {
	return strings.Contains(api.Error(), context.Canceled.Error()) ||
		strings.Contains(api.Error(), context.DeadlineExceeded.Error())
}

func describe(api *lua.ApiError) string {
	switch o := api.Object.(type) {
	case lua.LString:
		return string(o)
	case *lua.LTable:
		if msg, ok := o.RawGetString("msg").(lua.LString); ok {
			return string(msg)
		}
		return "error object: " + o.String()
	case nil:
		if api.Cause != nil {
			return api.Cause.Error()
		}
	case *lua.LNilType:
		return "error with no message (nil)"
	}
	return api.Object.String()
}

// Explain renders an error with its source line.
func (v *VM) Explain(err error) string {
	s := err.Error()
	var e *luaerr.Error
	if errors.As(err, &e) && e.Excerpt != "" {
		s += "\n" + e.Excerpt
	}
	return s
}
