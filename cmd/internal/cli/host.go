package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/lualib/ct"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/vm"
	"github.com/ctsh/ctsh/stdlib"
)

// host is a Lua state with all of its bindings: here a script is put together.
type host struct {
	*vm.VM
	ct     *ct.Host
	ns     *netns.NS
	cancel context.CancelFunc
}

// newHost makes the state of a script. Its turn is held until close.
func (p *Program) newHost(ctx context.Context, opt *options, name, dir string, args []string) (*host, error) {
	h := &host{cancel: func() {}}
	if opt.netns != "" {
		ns, err := netns.Open(opt.netns)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		h.ns = ns
	}
	if opt.timeout > 0 {
		ctx, h.cancel = context.WithTimeout(ctx, time.Duration(opt.timeout))
	}
	h.VM = vm.New(ctx, vm.Options{Stdout: p.Stdout, Stderr: p.Stderr, Name: name, Args: args, Dir: dir, Stdlib: stdlib.Modules})
	h.Tasks.Lock()
	h.OpenTasks()
	h.ct = ct.Open(h.VM, ct.Options{NS: h.ns, Stdout: p.Stdout, Stderr: p.Stderr,
		JSON: opt.json, DryRun: opt.dryRun, ReadOnly: opt.readOnly})
	return h, nil
}

// close ends the script's tasks and gives back what it held.
func (h *host) close() error {
	h.Tasks.Unlock()
	h.VM.Close()
	h.cancel()
	err := h.ct.Close()
	if h.ns != nil {
		err = errors.Join(err, h.ns.Close())
	}
	return err
}

// finish turns the end of a script into that of the program.
func (h *host) finish(p *Program, err error) error {
	var exit *luaerr.Exit
	switch {
	case errors.As(err, &exit):
		return &exitStatus{exit.Status}
	case err != nil:
		if text := explain(h, err); text != "" {
			fmt.Fprintf(p.Stderr, "ctsh: %s\n", text)
		}
		return &exitStatus{luaerr.ExitCode(err)}
	case h.ct.Failed() > 0:
		fmt.Fprintf(p.Stderr, "ctsh: %d changes were refused or their outcome is unknown\n", h.ct.Failed())
		return &exitStatus{luaerr.ExitPartial}
	}
	return nil
}

// explain renders the end of a script; an interrupt needs no words.
func explain(h *host, err error) string {
	switch luaerr.ExitCode(err) {
	case luaerr.ExitInterrupt:
		return ""
	case luaerr.ExitTimeout:
		return "the time limit was reached"
	}
	return h.Explain(err)
}

// scratch runs the program again in a scratch namespace, unless it is in one.
// again tells that it did, with the exit code to end with.
func scratch() (code int, again bool, err error) {
	if netns.InScratch() {
		return 0, false, netns.EnterScratch()
	}
	code, err = netns.Reexec(netns.ReexecOptions{Args: os.Args[1:]})
	return code, true, err
}
