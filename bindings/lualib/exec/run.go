package exec

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// process is one run of a command. What came of it is settled once ended is
// closed.
type process struct {
	cmd      *command
	out, err *output
	outcome
	late  bool // its time was over
	ended chan struct{}

	mu     sync.Mutex
	pid    int         // of the process and its group, 0 before and after: then it may be another's
	missed unix.Signal // a signal that came before there was a process
}

// outcome is what came of a process.
type outcome struct {
	status  syscall.WaitStatus
	took    time.Duration
	failure error // why it could not be run
}

func newProcess(cmd *command) *process {
	return &process{cmd: cmd, out: &output{cap: cmd.cap}, err: &output{cap: cmd.cap}, ended: make(chan struct{})}
}

// run is the task that sees to the process from its start to its end, which
// comes soon after ctx or the task's own context is done.
func (p *process) run(ctx context.Context) func(context.Context) error {
	return func(task context.Context) error {
		defer close(p.ended)
		gone := make(chan outcome, 1)
		go func() { gone <- p.live() }()
		over := time.NewTimer(p.cmd.timeout)
		defer over.Stop()
		select {
		case p.outcome = <-gone:
			return nil
		case <-over.C:
			p.late = true
		case <-ctx.Done():
		case <-task.Done():
		}
		p.outcome = p.stop(gone)
		return nil
	}
}

// stop makes a process that is not gone go.
func (p *process) stop(gone <-chan outcome) outcome {
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, stuck}} {
		p.kill(step.signal)
		select {
		case o := <-gone:
			return o
		case <-time.After(step.wait):
		}
	}
	return outcome{failure: luaerr.New(luaerr.ETIMEDOUT, "exec", "exec: %s does not die: it hangs inside the kernel", p.cmd.args[0])}
}

// kill sends a signal to the group, and wakes it up to hear that.
func (p *process) kill(signal unix.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		p.missed = signal
		return
	}
	_ = unix.Kill(-p.pid, signal)
	_ = unix.Kill(-p.pid, unix.SIGCONT)
}

// await waits for the end of the process, or for that of ctx and a moment
// more.
func (p *process) await(ctx context.Context) {
	select {
	case <-p.ended:
		return
	case <-ctx.Done():
	}
	select {
	case <-p.ended:
	case <-time.After(farewell):
	}
}

// live starts the process, waits for its end and reaps it. All of that happens
// on one thread, because the kernel takes the end of the thread that started a
// process for that of its parent.
func (p *process) live() outcome {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	path, err := p.cmd.find()
	if err != nil {
		return outcome{failure: err}
	}
	cmd := &exec.Cmd{Path: path, Args: p.cmd.args, Env: p.cmd.env, Dir: p.cmd.dir, Stdout: p.out, Stderr: p.err, WaitDelay: drain,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}}
	if p.cmd.stdin != "" {
		cmd.Stdin = strings.NewReader(p.cmd.stdin)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return outcome{failure: p.cmd.refused(path, err)}
	}
	p.born(cmd.Process.Pid)
	err = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	took := time.Since(begin).Round(time.Microsecond)
	p.died()
	err = cmd.Wait()
	if cmd.ProcessState == nil {
		return outcome{failure: luaerr.From("exec", err)}
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return outcome{status: status, took: took}
}

// born makes a process known to who may have to end it.
func (p *process) born(pid int) {
	p.mu.Lock()
	p.pid = pid
	missed := p.missed
	p.mu.Unlock()
	if missed != 0 {
		p.kill(missed)
	}
}

// died ends what a process has left in its group. It is not reaped yet, so
// that nobody else can have its number; from here on somebody may.
func (p *process) died() {
	p.kill(unix.SIGKILL)
	p.mu.Lock()
	p.pid = 0
	p.mu.Unlock()
}
