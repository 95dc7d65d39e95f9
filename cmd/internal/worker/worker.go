package worker

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/child"
	"github.com/ctsh/ctsh/lua/unit"
)

// Least is the smallest bound in bytes with which any build of the program
// runs. One that links more may need more: see [RoomError].
const Least = 96 << 20

// marker is the environment variable by which [Enter] knows a worker: the
// process number of the parent, the bound in bytes, the bound of the stack that
// was in force before, and the descriptor of standard error.
const marker = "CTSH_WORKER"

// Spec is what a worker is started with.
type Spec struct {
	Memory int64    // bound in bytes, at least Least
	Args   []string // arguments, without the name of the program
	Stdin  io.Reader
	Stdout io.Writer
	Stderr *os.File
}

// LimitError says that the bound asked for is above the one that this process
// has itself.
type LimitError struct {
	Own int64 // bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("this process itself may have no more than %s (ulimit -d)", unit.FormatSize(float64(e.Own)))
}

// Run runs the program again as a worker and waits for its end. Signals are
// passed on as [child.Run] does; the worker is killed when we die.
func Run(s Spec) (*End, error) {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &own); err != nil {
		return nil, fmt.Errorf("read the memory limit: %w", err)
	}
	if own.Max < uint64(s.Memory) {
		return nil, &LimitError{Own: int64(own.Max)}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the worker: %w", err)
	}
	defer r.Close()
	c := &crash{out: s.Stderr}
	read := make(chan struct{})
	state, err := child.Run(func() (*exec.Cmd, error) {
		defer w.Close()
		cmd, err := s.start(w)
		if err != nil {
			return nil, fmt.Errorf("start the worker: %w", err)
		}
		go func() {
			defer close(read)
			c.read(r, func() { time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) })
		}()
		return cmd, nil
	})
	if err != nil {
		return nil, err
	}
	// All that the worker wrote is in the pipe. What it started may hold the
	// other end open.
	_ = r.SetReadDeadline(time.Now().Add(time.Second))
	<-read
	return c.end(state, s.Memory), nil
}

// patience is how long the runtime may take to die, once it has said that it
// does. It holds locks then, and memory is short.
const patience = 5 * time.Second

// start starts the worker, with w as its descriptor 2.
func (s Spec) start(w *os.File) (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe") // also when the file was moved, or lies where we may not look
	cmd.Args = append([]string{os.Args[0]}, s.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}

	// In a build with cgo every thread has a stack as long as this bound, all
	// of which counts; 8 MiB a thread would leave nothing of 64 MiB. The C
	// library reads the bound at the start, so it is ours for a moment and
	// Enter puts it back for what the worker itself starts.
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &was); err != nil {
		return nil, err
	}
	// Inherited under its own number, because 3 and those that follow may be
	// taken by what we have inherited ourselves: /dev/fd/3 as the script.
	stderr, err := unix.FcntlInt(s.Stderr.Fd(), unix.F_DUPFD, 3)
	if err != nil {
		return nil, err
	}
	defer unix.Close(stderr)
	cmd.Env = slices.Concat(os.Environ(), []string{fmt.Sprintf("%s=%d:%d:%d:%d", marker, os.Getpid(), s.Memory, was.Cur, stderr)})
	small := unix.Rlimit{Cur: min(was.Cur, stackFor(cmd)), Max: was.Max}
	if err := unix.Setrlimit(unix.RLIMIT_STACK, &small); err != nil {
		return nil, err
	}
	err = cmd.Start()
	if back := unix.Setrlimit(unix.RLIMIT_STACK, &was); err == nil && back != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, back
	}
	return cmd, err
}

// stackFor is the bound of the stack for a worker: 256 KiB, twice what threads
// have with musl, or more where the arguments and the environment, which get a
// quarter of it, are that long.
func stackFor(cmd *exec.Cmd) uint64 {
	n := 0
	for _, s := range slices.Concat(cmd.Args, cmd.Env) {
		n += len(s) + 1 + 8
	}
	return 256<<10 + 4*uint64(n)
}
