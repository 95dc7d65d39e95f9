package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/probe"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/lualib/ct"
	"github.com/ctsh/ctsh/bindings/lualib/fs"
	"github.com/ctsh/ctsh/bindings/lualib/http"
	"github.com/ctsh/ctsh/bindings/lualib/nft"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/vm"
	"github.com/ctsh/ctsh/stdlib"
)

// host is a Lua state with all of its bindings: here a script is put together.
type host struct {
	*vm.VM
	ct      *ct.Host
	ns      *netns.NS
	files   *fs.Host
	http    *http.Client
	sets    *nft.Host
	cancel  context.CancelFunc
	command bool
	forget  func() // what a scratch run took down
}

// newHost makes the state of a script. Its turn is held until close.
func (p *Program) newHost(ctx context.Context, opt *options, name, dir string, args []string) (*host, error) {
	h := &host{cancel: func() {}, command: opt.command}
	taken, forget, err := journalDir()
	if err != nil {
		return nil, err
	}
	h.forget = forget
	if opt.netns != "" {
		ns, err := netns.Open(opt.netns)
		if err != nil {
			return nil, namespaceError(err)
		}
		h.ns = ns
	}
	if opt.timeout > 0 {
		ctx, h.cancel = context.WithTimeout(ctx, time.Duration(opt.timeout))
	}
	h.VM = vm.New(ctx, vm.Options{Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr, Name: name, Args: args, Dir: dir,
		Stdlib: stdlib.Modules, Path: modulePath(p.Getenv), Open: opt.open, Allow: opt.allow.Allow, Denied: opt.allow.denied()})
	if os.Geteuid() == 0 {
		probe.Remember("/run/ctsh/probes") // a folder that goes with the next boot
	}
	h.Tasks.Lock()
	h.OpenTasks()
	h.openModules(p, opt)
	h.ct = ct.Open(h.VM, ct.Options{NS: h.ns, Stdout: p.Stdout, Stderr: p.Stderr,
		JSON: opt.json, DryRun: opt.dryRun, ReadOnly: opt.readOnly, NoGuard: opt.noGuard, NoFiles: !opt.allow.FS, Namespace: opt.netns, Journal: taken, Command: name,
		Width: p.Width, Human: p.StdoutTTY, Progress: p.StderrTTY, Color: p.StdoutTTY && p.Getenv("NO_COLOR") == "" && p.Getenv("TERM") != "dumb"})
	h.openSets(p, opt)
	return h, nil
}

// close ends the script's tasks and gives back what it held.
func (h *host) close() error {
	h.Tasks.Unlock()
	h.VM.Close()
	h.closeModules()
	h.cancel()
	err := errors.Join(h.sets.Close(), h.ct.Close())
	h.forget()
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
		code, text := h.verdict(err)
		if text != "" {
			fmt.Fprintf(p.Stderr, "ctsh: %s\n", text)
		}
		return &exitStatus{code}
	case h.ct.Failed() > 0:
		fmt.Fprintf(p.Stderr, "ctsh: %d changes were refused or their outcome is unknown\n", h.ct.Failed())
		if err := h.ct.Refused(); err != nil {
			fmt.Fprintf(p.Stderr, "ctsh: such as: %s\n", escape.Text(err.Error()))
		}
		return &exitStatus{luaerr.ExitPartial}
	}
	return nil
}

// verdict is the exit code for an error that ended a script, and the words for
// it; an interrupt needs none. 124 and 130 are only for a run that was ended
// from outside: an operation that took too long is an error like another.
func (h *host) verdict(err error) (code int, text string) {
	outside := h.Tasks.Context().Err() != nil
	switch code = luaerr.ExitCode(err); {
	case code == luaerr.ExitInterrupt && outside:
		return code, ""
	case code == luaerr.ExitTimeout && outside:
		return code, "the time limit was reached"
	case code == luaerr.ExitInterrupt, code == luaerr.ExitTimeout:
		code = luaerr.ExitScript
	}
	var e *luaerr.Error
	if h.command && errors.As(err, &e) {
		bare := *e
		bare.Where = ""
		return code, escape.Text(bare.Error())
	}
	return code, h.Explain(err)
}

// namespaceError makes a mistake in --netns one of usage, and leaves what the
// kernel refused as it is.
func namespaceError(err error) error {
	var (
		absent *netns.NotFoundError
		name   *netns.NameError
		other  *netns.NotNamespaceError
	)
	if errors.As(err, &absent) || errors.As(err, &name) || errors.As(err, &other) {
		return &usageError{"--netns: " + err.Error()}
	}
	return fmt.Errorf("--netns: %w", err)
}

// modulePath are the directories that require looks in last.
func modulePath(getenv func(string) string) []string {
	path := filepath.SplitList(getenv("CTSH_PATH"))
	config := getenv("XDG_CONFIG_HOME")
	if home := getenv("HOME"); !filepath.IsAbs(config) && home != "" {
		config = filepath.Join(home, ".config")
	}
	if filepath.IsAbs(config) {
		path = append(path, filepath.Join(config, "ctsh", "lib"))
	}
	return append(path, "/usr/share/ctsh/lib")
}

// scratch runs the program again in a scratch namespace, unless it is in one.
// again tells that it did, with the exit code to end with.
func (p *Program) scratch(confined *confinement) (code int, again bool, err error) {
	if netns.InScratch() {
		return 0, false, netns.EnterScratch()
	}
	if err := confined.drop(); err != nil {
		return 0, false, err
	}
	code, err = netns.Reexec(netns.ReexecOptions{Args: confined.args(p.Args)})
	return code, true, err
}
