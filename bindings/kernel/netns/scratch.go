package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/child"
)

// ScratchVar is the environment variable by which a child of [Reexec] knows
// that it runs in a scratch. It holds the number of a namespace, never a bare
// flag, so that the variable alone, exported by hand or left over, does not
// pass the real network for a scratch: "not:INODE" is set by the parent and
// names the parent's namespace, "in:INODE" by [EnterScratch] and names the
// scratch itself.
const ScratchVar = "CTSH_SCRATCH"

// ReexecOptions describes the child of [Reexec]. The zero value runs this very
// program with its own arguments, environment, files and terminal.
type ReexecOptions struct {
	Path                  string   // the program; "" is this one
	Args                  []string // arguments after the name; nil is os.Args[1:]
	Env                   []string // environment; nil is os.Environ()
	Stdin, Stdout, Stderr *os.File // nil is ours
}

// Reexec runs the program again in a fresh network namespace, waits for it and
// returns its exit code (128 plus the signal when one ended it). A program
// started with it must call [EnterScratch] before anything else when
// [InScratch] says so.
//
// With CAP_SYS_ADMIN the child gets a network namespace of its own and nothing
// else, which leaves it SO_RCVBUFFORCE. Anyone else gets a user namespace
// besides, whose root he is; when that is forbidden the error is a
// [*PrivilegeError] that names the setting.
//
// The child shares our process group and terminal, so what is typed (Ctrl-C,
// Ctrl-Z) reaches it directly; other signals that end or inform a program are
// passed on. When we die the child gets SIGTERM.
func Reexec(o ReexecOptions) (exitCode int, err error) {
	home, err := Current()
	if err != nil {
		return 0, err
	}
	marker := fmt.Sprintf("%s=not:%d", ScratchVar, home.Inode())
	if err := home.Close(); err != nil {
		return 0, err
	}
	state, err := child.Run(func() (*exec.Cmd, error) { return startScratch(o, marker) })
	if err != nil {
		return 0, err
	}
	return child.ExitCode(state), nil
}

// InScratch reports whether the program runs inside a scratch made by
// [Reexec]. What it starts there does so too, unless it leaves the namespace.
func InScratch() bool {
	kind, number, ok := strings.Cut(os.Getenv(ScratchVar), ":")
	marked, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return false
	}
	here, err := Current()
	if err != nil {
		return false
	}
	defer here.Close()
	return kind == "not" && here.Inode() != marked || kind == "in" && here.Inode() == marked
}

// EnterScratch makes the scratch ready: it brings the loopback interface up
// and writes the namespace's own number into the environment. It may be called
// again. Outside a scratch it is an error.
func EnterScratch() error {
	if !InScratch() {
		return errors.New("enter scratch: the program does not run in a scratch namespace")
	}
	if err := loopbackUp(); err != nil {
		if hint := userNSHint(); hint != "" {
			return fmt.Errorf("%w; %s", err, hint)
		}
		return err
	}
	here, err := Current()
	if err != nil {
		return err
	}
	defer here.Close()
	return os.Setenv(ScratchVar, fmt.Sprintf("in:%d", here.Inode()))
}

// startScratch starts the child, with the fewest new namespaces that do.
func startScratch(o ReexecOptions, marker string) (*exec.Cmd, error) {
	if HasCap(unix.CAP_SYS_ADMIN) {
		cmd := o.command(marker)
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
		err := cmd.Start()
		if err == nil {
			return cmd, nil
		}
		if !errors.Is(err, unix.EPERM) {
			return nil, limitHint(fmt.Errorf("start the scratch: %w", err))
		}
	}
	cmd := o.command(marker)
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	switch err := cmd.Start(); {
	case err == nil:
		return cmd, nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EACCES):
		return nil, &PrivilegeError{Op: "start the scratch", Need: "CAP_SYS_ADMIN or a user namespace", Hint: userNSHint(), Err: err}
	default:
		return nil, fmt.Errorf("start the scratch: %w", err)
	}
}

func (o ReexecOptions) command(marker string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe") // also when the file was moved, or lies where we may not look
	if o.Path != "" {
		cmd = exec.Command(o.Path)
	}
	name, args, env := os.Args[0], o.Args, o.Env
	if o.Path != "" {
		name = o.Path
	}
	if args == nil {
		args = os.Args[1:]
	}
	if env == nil {
		env = os.Environ()
	}
	cmd.Args = append([]string{name}, args...)
	cmd.Env = slices.Concat(env, []string{marker}) // the last one of a name counts
	cmd.Stdin, cmd.Stdout, cmd.Stderr = orOurs(o.Stdin, os.Stdin), orOurs(o.Stdout, os.Stdout), orOurs(o.Stderr, os.Stderr)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	return cmd
}

func orOurs(f, ours *os.File) *os.File {
	if f == nil {
		return ours
	}
	return f
}
