package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
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
	marker := fmt.Sprintf("%s=not:%d", ScratchVar, home.ino)
	if err := home.Close(); err != nil {
		return 0, err
	}
	// The signal at our death is bound to the thread that started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)

	child, err := startScratch(o, marker)
	if err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	relayed := make(chan struct{})
	go func() {
		defer close(relayed)
		relay(child.Process, signals, ended)
	}()
	err = child.Wait()
	close(ended)
	<-relayed
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for the scratch: %w", err)
	}
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return child.ProcessState.ExitCode(), nil
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
	return kind == "not" && here.ino != marked || kind == "in" && here.ino == marked
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
	return os.Setenv(ScratchVar, fmt.Sprintf("in:%d", here.ino))
}

// startScratch starts the child, with the fewest new namespaces that do.
func startScratch(o ReexecOptions, marker string) (*exec.Cmd, error) {
	if HasCap(unix.CAP_SYS_ADMIN) {
		child := o.command(marker)
		child.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
		err := child.Start()
		if err == nil {
			return child, nil
		}
		if !errors.Is(err, unix.EPERM) {
			return nil, limitHint(fmt.Errorf("start the scratch: %w", err))
		}
	}
	child := o.command(marker)
	child.SysProcAttr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET
	child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	switch err := child.Start(); {
	case err == nil:
		return child, nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EACCES):
		return nil, &PrivilegeError{Op: "start the scratch", Need: "CAP_SYS_ADMIN or a user namespace", Hint: userNSHint(), Err: err}
	default:
		return nil, fmt.Errorf("start the scratch: %w", err)
	}
}

func (o ReexecOptions) command(marker string) *exec.Cmd {
	child := exec.Command("/proc/self/exe") // also when the file was moved, or lies where we may not look
	if o.Path != "" {
		child = exec.Command(o.Path)
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
	child.Args = append([]string{name}, args...)
	child.Env = slices.Concat(env, []string{marker}) // the last one of a name counts
	child.Stdin, child.Stdout, child.Stderr = orOurs(o.Stdin, os.Stdin), orOurs(o.Stdout, os.Stdout), orOurs(o.Stderr, os.Stderr)
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	return child
}

func orOurs(f, ours *os.File) *os.File {
	if f == nil {
		return ours
	}
	return f
}
