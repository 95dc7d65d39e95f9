package ct

import (
	"context"
	"errors"
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
	"github.com/ctsh/ctsh/lua/vm"
)

// Options say what a script may do and where its output goes.
type Options struct {
	NS       *netns.NS // nil is the namespace of the process
	Stdout   io.Writer
	Stderr   io.Writer
	JSON     bool // print writes JSON lines
	DryRun   bool // apply finds and counts, and changes nothing
	ReadOnly bool // apply is refused below Lua
}

// Host is what one script does in one network namespace.
type Host struct {
	opt    Options
	vm     *vm.VM
	kernel conntrack.Kernel
	sysctl *sysctl.Table
	run    *tally
}

// tally is what is remembered over a run, of all namespaces together.
type tally struct {
	failed  int // changes that the kernel refused
	open    []io.Closer
	lossFns []*lua.LFunction
}

// Open adds the globals to v. The turn of v must be held.
func Open(v *vm.VM, opt Options) *Host {
	h := newHost(v, opt, &tally{})
	api := h.api(v.L)
	api.ForEach(func(k, fn lua.LValue) { v.Set(k.String(), fn) })
	ct := v.L.NewTable()
	api.ForEach(func(k, fn lua.LValue) { ct.RawSet(k, fn) })
	h.functions(v.L, ct)
	v.Set("ct", ct)
	return h
}

func newHost(v *vm.VM, opt Options, run *tally) *Host {
	h := &Host{opt: opt, vm: v, run: run, sysctl: sysctl.Open(opt.NS)}
	client := conntrack.Open(opt.NS)
	run.open = append(run.open, client)
	h.kernel = client
	if opt.ReadOnly {
		h.kernel = conntrack.ReadOnly(client)
	}
	return h
}

// Failed is how many changes the kernel refused in this run: the exit code of
// a run with any is that of a partial failure.
func (h *Host) Failed() int { return h.run.failed }

// Close ends what the script left open.
func (h *Host) Close() error {
	var errs []error
	for _, c := range h.run.open {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// api are the values that stand both in ct and as globals.
func (h *Host) api(L *lua.LState) *lua.LTable {
	t := L.NewTable()
	t.RawSetString("flows", flowsType.New(L, &flows{h: h}))
	t.RawSetString("expects", expectsType.New(L, &expects{h: h}))
	t.RawSetString("stats", statsType.New(L, h))
	t.RawSetString("events", value.Func(L, "events", h.events))
	t.RawSetString("on", value.Func(L, "on", h.on))
	t.RawSetString("sys", h.sysTable(L))
	return t
}

// functions are those of ct alone.
func (h *Host) functions(L *lua.LState, t *lua.LTable) {
	for name, fn := range map[string]func(*value.Args) int{
		"get": h.get, "create": h.create, "flush": h.flush, "expect": h.expect,
		"usage": h.usage, "ns": h.ns, "probe": h.probe,
	} {
		t.RawSetString(name, value.Func(L, "ct."+name, fn))
	}
	t.RawSetString("all", allType.New(L, all{}))
}

// all is ct.all, the filter that selects everything.
type all struct{}

var allType = value.NewType[all]("ct.all")

// ns is ct.ns(name): the same API inside another namespace.
func (h *Host) ns(a *value.Args) int {
	a.AtMost(1)
	ns, err := netns.Open(a.String(1, "name"))
	a.Raise(fail(err))
	opt := h.opt
	opt.NS = ns
	other := newHost(h.vm, opt, h.run)
	h.run.open = append(h.run.open, ns)
	t := other.api(a.L)
	other.functions(a.L, t)
	return a.Return(t)
}

// do runs fn without the turn of the script, so that other tasks go on.
func (h *Host) do(fn func(context.Context)) {
	ctx := h.vm.Context()
	h.vm.Tasks.Block(func() { fn(ctx) })
}

// fail gives an error of the engine or the kernel the code that scripts see.
func fail(err error) error {
	if err == nil {
		return nil
	}
	var (
		code      luaerr.Code
		filter    *query.Error
		field     *wire.FieldError
		guard     *plan.GuardError
		support   *conntrack.NotSupportedError
		part      *conntrack.IncompleteError
		noKey     *sysctl.UnknownKeyError
		badValue  *sysctl.ValueError
		absent    *sysctl.AbsentError
		noNS      *netns.NotFoundError
		badNSName *netns.NameError
	)
	switch {
	case errors.As(err, &filter), errors.As(err, &field), errors.As(err, &badValue), errors.As(err, &badNSName), errors.As(err, &noNS):
		code = luaerr.ETYPE
	case errors.As(err, &noKey):
		code = luaerr.EFIELD
	case errors.As(err, &guard):
		code = luaerr.EGUARD
	case errors.As(err, &support), errors.As(err, &absent):
		code = luaerr.ENOTSUP
	case errors.As(err, &part):
		code = luaerr.EPARTIAL
	case errors.Is(err, conntrack.ErrReadOnly):
		code = luaerr.EGUARD
	default:
		return err
	}
	return luaerr.New(code, "", "%w", err)
}
