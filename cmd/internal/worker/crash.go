package worker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/child"
)

// End is how a worker ended.
type End struct {
	Code    int            // what to end with: its own code, or 128 plus the signal
	Signal  syscall.Signal // the signal that ended it, or 0
	Starved bool           // the Go runtime ended it because it wanted more memory than its bound
	Fatal   string         // why the Go runtime ended it otherwise, as it said it: one line, or ""
	Trace   []byte         // the traces that came with Fatal
}

// traceLimit is how much of what the runtime says in the end is kept.
const traceLimit = 256 << 10

// crash reads the descriptor 2 of a worker. What the runtime says along the
// way (GODEBUG=gctrace=1) is passed on line by line; from the first line that
// may belong to a crash all is kept back until the worker has ended.
type crash struct {
	out     io.Writer
	holding bool
	held    []byte
}

// read reads until the end of the pipe. fatal is called once, when the runtime
// began to say that it ends the process.
func (c *crash) read(r io.Reader, fatal func()) {
	lines := bufio.NewReader(r)
	for fresh := true; ; {
		text, err := lines.ReadSlice('\n')
		if fresh && !c.holding && hasPrefix(string(text), heralds) {
			c.holding = true
		}
		if fresh && c.holding && fatal != nil && hasPrefix(string(text), reasons) {
			fatal()
			fatal = nil
		}
		if c.holding {
			c.held = append(c.held, text[:min(len(text), traceLimit-len(c.held))]...)
		} else {
			_, _ = c.out.Write(text) // where nobody listens nothing is to be said
		}
		fresh = err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

var (
	// reasons begin the line that says why the runtime ends a process.
	reasons = []string{"fatal error: ", "panic: ", "SIGSEGV: ", "SIGBUS: ", "SIGILL: ", "SIGFPE: ", "runtime/cgo: "}
	// heralds begin the lines that may come before it, too.
	heralds = append([]string{"runtime: ", "unexpected fault address "}, reasons...)
	// starving is what the runtime says when the kernel refused it memory.
	starving = []string{"out of memory", "cannot allocate memory", "cannot map pages"}
	// confused is what it says when it did not look whether it was refused:
	// a nil pointer in the collector, a thread that cannot be made.
	confused = []string{"SIGSEGV", "SIGBUS", "unexpected signal", "pthread_create failed", "newosproc"}
	// crashes are the signals that end a process that went wrong, and the one
	// that ends it when it does not get to its end.
	crashes = []syscall.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGABRT, unix.SIGILL, unix.SIGFPE, unix.SIGTRAP, unix.SIGKILL}
)

// crashCode is what the Go runtime ends a process with. A script may end with
// it as well.
const crashCode = 2

// end judges how the worker ended.
func (c *crash) end(state *os.ProcessState, memory int64) *End {
	usage, _ := state.SysUsage().(*syscall.Rusage)
	var resident uint64
	if usage != nil {
		resident = uint64(usage.Maxrss) << 10
	}
	e := c.judge(child.ExitCode(state), child.Signal(state), resident > uint64(memory)/4)
	c.release(e)
	return e
}

// release passes on what was kept back for nothing.
func (c *crash) release(e *End) {
	if !e.Starved && e.Fatal == "" {
		_, _ = c.out.Write(c.held)
	}
}

// judge does it from the exit code, the signal and whether a good part of the
// bound was in use. Much of what the bound counts is never touched, so a
// quarter of it is a good part already.
func (c *crash) judge(code int, signal syscall.Signal, full bool) *End {
	e := &End{Code: code, Signal: signal}
	if signal == 0 && code != crashCode || signal != 0 && !slices.Contains(crashes, signal) {
		return e
	}
	reason := c.reason()
	switch {
	case contains(reason, starving):
		e.Starved = true
	case full && (contains(reason, confused) || signal == unix.SIGSEGV || signal == unix.SIGBUS):
		e.Starved = true
	case reason != "":
		e.Fatal, e.Trace = reason, c.held
	}
	return e
}

// reason is the first line that says why, without "fatal error: ".
func (c *crash) reason() string {
	for line := range bytes.Lines(c.held) {
		if text := string(line); hasPrefix(text, reasons) {
			return strings.TrimSpace(strings.TrimPrefix(text, "fatal error: "))
		}
	}
	return ""
}

func hasPrefix(text string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(text, p) })
}

func contains(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}
