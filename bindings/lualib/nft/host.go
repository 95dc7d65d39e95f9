package nft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/nft"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Options say what a script may do, and what it needs of others.
type Options struct {
	NS       *netns.NS // nil is the namespace of the process
	DryRun   bool      // functions that act at once count only
	ReadOnly bool      // every change is refused
	Stderr   io.Writer
	// Plan returns a plan to the script.
	Plan func(*registry.Call, *plan.Plan) int
	// Columns are up to n values of a row, from the first column on, nil for
	// what is no row.
	Columns func(L *lua.LState, row lua.LValue, n int) []lua.LValue
}

// Host is what one script does with sets.
type Host struct {
	opt    Options
	vm     *vm.VM
	client *nft.Client
	// spared are elements that were not added or deleted in a dry run, by what
	// would have been done.
	spared map[string]int
}

// Open sets the globals nft and ct.nft, where there is ct. The turn of v must
// be held.
func Open(v *vm.VM, opt Options) *Host {
	h := &Host{opt: opt, vm: v, client: nft.Open(opt.NS), spared: map[string]int{}}
	if opt.ReadOnly {
		h.client = nft.ReadOnly(opt.NS)
	}
	t := module.Table(v.L, h)
	v.Set("nft", t)
	if ct, ok := v.L.G.Global.RawGetString("ct").(*lua.LTable); ok {
		ct.RawSetString("nft", t)
	}
	return h
}

// Close gives back what the script held, and tells what a dry run did not do.
func (h *Host) Close() error {
	words := make([]string, 0, len(h.spared))
	for what := range h.spared {
		words = append(words, what)
	}
	sort.Strings(words)
	for _, what := range words {
		fmt.Fprintf(h.opt.Stderr, "ctsh: dry run: %s %s, nothing changed\n", elements(h.spared[what]), what)
	}
	return h.client.Close()
}

// elements says how many there are.
func elements(n int) string {
	if n == 1 {
		return "1 element"
	}
	return fmt.Sprintf("%d elements", n)
}

// do runs fn without the turn of the script, so that other tasks go on.
func (h *Host) do(fn func(context.Context)) {
	ctx := h.vm.Context()
	h.vm.Tasks.Block(func() { fn(ctx) })
}

// fail gives an error of the kernel the code that scripts see, and op as what
// failed.
func fail(op string, err error) error {
	var (
		name    *nft.NameError
		twice   *nft.AmbiguousError
		wrong   *nft.TypeError
		support *conntrack.NotSupportedError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &name), errors.As(err, &twice), errors.As(err, &wrong):
		return luaerr.New(luaerr.ETYPE, op, "%w", err)
	case errors.Is(err, conntrack.ErrReadOnly):
		return luaerr.New(luaerr.EGUARD, op, "%w", err)
	case errors.As(err, &support):
		return luaerr.New(luaerr.ENOTSUP, op, "%w", err)
	}
	return err
}
