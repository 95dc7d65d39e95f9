package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/cmd/internal/trust"
	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/library"
	"github.com/ctsh/ctsh/lua/luaerr"
)

// guarded tells whether files that are run must be root's: root is whoever may
// change the table of the machine, and with it all else.
func (o *options) guarded() bool {
	return !o.trust && os.Geteuid() == 0 && !netns.InUserNS()
}

// open opens a file to be run: a script, or a module that it requires.
func (o *options) open(path string) (io.ReadCloser, error) {
	if !o.guarded() {
		return os.Open(path)
	}
	f, err := trust.Open(path)
	var others *trust.Error
	if errors.As(err, &others) {
		return nil, luaerr.New(luaerr.EPERM, "", "%s is not run as root: %w", escape.Terminal(path), others).
			WithHint("--trust runs it all the same")
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// confinement is why a script runs in the scratch of root with nothing in
// reach but the scratch.
type confinement struct{ err *trust.Error }

// confine decides whether file has to be confined. A scratch is for trying what
// one does not know, also as root, to whom it is no more than a network
// namespace: so what others than root can write is not refused there, but can
// reach neither files nor programs nor the table of the machine.
func (o *options) confine(file string) (*confinement, error) {
	if !o.scratch || !o.guarded() || file == "" || file == "-" {
		return nil, nil
	}
	f, err := trust.Open(file)
	if err == nil {
		return nil, f.Close()
	}
	var others *trust.Error
	if !errors.As(err, &others) {
		return nil, nil // whoever reads the file says it
	}
	if o.allow.given && o.allow.Allow != (library.Allow{}) {
		_, err := o.open(file)
		return nil, err
	}
	return &confinement{others}, nil
}

// args are the arguments for the program inside the scratch.
func (c *confinement) args(args []string) []string {
	if c == nil {
		return append([]string{}, args...)
	}
	return append([]string{"--trust", "--allow=none"}, args...)
}

// keptCapabilities are those of root in the scratch of a confined script: over
// the table of the scratch, and to read the script.
var keptCapabilities = map[uintptr]bool{unix.CAP_NET_ADMIN: true, unix.CAP_DAC_READ_SEARCH: true}

// drop takes from what this thread starts all other capabilities, so that it
// cannot enter another namespace. The goroutine stays on the thread for good.
func (c *confinement) drop() error {
	if c == nil || !netns.HasCap(unix.CAP_SYS_ADMIN) { // the scratch will have a user namespace
		return nil
	}
	runtime.LockOSThread()
	for capability := uintptr(0); ; capability++ {
		if has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, capability, 0, 0, 0); err != nil {
			return nil //nolint:nilerr // the kernel knows no more
		} else if has == 0 || keptCapabilities[capability] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			return luaerr.New(luaerr.EPERM, "", "cannot confine a script that is not root's: %w", err).WithHint("--trust runs it all the same")
		}
	}
}

// tell says after a failure what the script may have lacked.
func (c *confinement) tell(out io.Writer, code int) {
	if c != nil && (code == luaerr.ExitScript || code == luaerr.ExitUsage || code == luaerr.ExitNoPrivilege) {
		fmt.Fprintf(out, "ctsh: it ran confined (--allow none), because %v; --trust lifts that\n", c.err)
	}
}
