package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/library"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/task"
)

// Options are what a script is given.
type Options struct {
	Stdin  io.Reader // of io.read; nil is empty
	Stdout io.Writer // of print; nil discards
	Stderr io.Writer // of errors that end no script; nil discards
	Name   string    // of the script, arg[0]
	Args   []string  // arg[1] and so on
	Stdlib fs.FS     // modules that require finds first, may be nil
	Dir    string    // directory that require looks in next, may be ""
	Path   []string  // directories that require looks in last

	// Open opens a file that require reads, other than of Stdlib. What it
	// refuses is not loaded; a file that is not there is fs.ErrNotExist. nil is
	// os.Open.
	Open func(path string) (io.ReadCloser, error)

	Allow library.Allow // what the script may reach
	// Denied are globals that the script has not, with how it would get them:
	// the hint of the error for who uses one.
	Denied map[string]string

	// HandlerTime is how long one call of a handler or timer function may run,
	// not counting what it waits: 5 s for 0, without a limit if negative.
	HandlerTime time.Duration
}

// VM is one script. Its methods are called with the turn of its tasks held,
// New and Close excepted.
type VM struct {
	L     *lua.LState
	Tasks *task.Group

	opt      Options
	sources  map[string]string // text by chunk name, for excerpts
	guard    *lua.LFunction    // the bottom frame of every protected call
	tostring *lua.LFunction    // the library's, whatever a script puts in its place
	concat   *lua.LFunction    // what ".." is
	free     []*lua.LState     // threads that wait for the next call
	now      turn              // of whoever holds the turn
	running  map[*lua.LState]bool
	alive    *coroutines
	panics   int
	modules  modules
	display  *registry.Display // of the prompt, nil in scripts
}

// turn is what belongs to the task that runs, not to the state. It is put away
// while that task blocks.
type turn struct {
	ctx   context.Context // nil is that of the task
	depth int             // protected calls and coroutines inside each other
}

// Limits of a state. A thread starts small and grows: calls and values have
// a bound of their own, and so has the Go stack below them, which a nest of
// protected calls deepens and which nothing can recover from.
const (
	registrySize = 256
	registryMax  = 1 << 18
	registryStep = 4096
	callStack    = 2048
	maxDepth     = 100
)

const vmKey = "ctsh.vm"

// New returns a state with the safe library. It ends when ctx does.
func New(ctx context.Context, opt Options) *VM {
	if opt.Stdout == nil {
		opt.Stdout = io.Discard
	}
	if opt.Stderr == nil {
		opt.Stderr = io.Discard
	}
	v := &VM{opt: opt, sources: map[string]string{}, running: map[*lua.LState]bool{}, alive: newCoroutines()}
	v.Tasks = task.New(ctx, func(name string, err error) {
		fmt.Fprintf(v.opt.Stderr, "ctsh: %s: %s\n", name, v.Explain(err))
	})
	v.Tasks.OnBlock(v.suspend)
	v.limitHandlers(opt.HandlerTime)
	v.L = lua.NewState(lua.Options{SkipOpenLibs: true, RegistrySize: registrySize, RegistryMaxSize: registryMax,
		RegistryGrowStep: registryStep, CallStackSize: callStack, MinimizeStackMemory: true})
	v.guard = v.L.NewFunction(v.guarded)
	v.openLibs()
	v.concat = library.NewConcat(v.L)
	v.tostring = v.L.G.Global.RawGetString("tostring").(*lua.LFunction)
	v.strictGlobals()
	v.L.G.Registry.RawSetString(vmKey, &lua.LUserData{Value: v, Env: v.L.Env, Metatable: lua.LNil})
	return v
}

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

// Context is that of the evaluation under way: what bindings wait with.
func (v *VM) Context() context.Context {
	if v.now.ctx != nil {
		return v.now.ctx
	}
	return v.Tasks.Now()
}

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
	if err == nil {
		v.sources[name] = source
	} else if fn, err = v.load(name, source); err != nil {
		return nil, err
	}
	return v.Call(v.L, fn, lua.MultRet)
}

// Show is Eval with a context of its own, whose end stops the evaluation and
// leaves the state usable. It returns the values as a prompt shows them, nil ones
// left out; what was shown is the global "_" from then on.
func (v *VM) Show(ctx context.Context, name, source string) ([]string, error) {
	if v.display == nil {
		v.display = registry.NewDisplay(v.L, v.Call)
	}
	defer v.under(ctx)()
	values, err := v.Eval(name, source)
	if err != nil {
		return nil, err
	}
	return v.display.Show(values)
}

// Wait gives the turn away until no task is left. The exit that a script asked
// for comes back as a *luaerr.Exit, nil for exit(0); the end of the context
// and a task that failed as an error. It is also an error when a function of
// ours panicked meanwhile, even if the script caught what came of it.
func (v *VM) Wait() (err error) {
	v.Tasks.Block(func() { err = v.Tasks.Wait() })
	if ctx := v.Tasks.Context(); ctx.Err() != nil {
		err = luaerr.Interrupted(ctx)
	}
	var exit *luaerr.Exit
	if errors.As(err, &exit) && exit.Status == 0 {
		err = nil
	}
	if err == nil && v.panics > 0 {
		return luaerr.New(luaerr.EINTERNAL, "", "ctsh failed %d times inside this script", v.panics)
	}
	return err
}
