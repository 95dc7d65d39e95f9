package child

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// Run calls start, which starts a program, and waits for its end. Meanwhile
// signals that end or inform a program are passed on to it. It shares our
// process group and terminal, so what is typed (Ctrl-C, Ctrl-Z) reaches it
// directly and is not passed on a second time.
//
// The thread that calls start lives as long as the program does, which is what
// SysProcAttr.Pdeathsig, a signal at our death, is bound to.
func Run(start func() (*exec.Cmd, error)) (*os.ProcessState, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)

	cmd, err := start()
	if err != nil {
		return nil, err
	}
	ended, relayed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(relayed)
		relay(cmd.Process, signals, ended)
	}()
	err = cmd.Wait()
	close(ended)
	<-relayed
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return cmd.ProcessState, nil
}

// ExitCode is the code to end with after a program that ended like this: its
// own, or 128 plus the signal when one ended it, as a shell counts it.
func ExitCode(state *os.ProcessState) int {
	if s := Signal(state); s != 0 {
		return 128 + int(s)
	}
	return state.ExitCode()
}

// Signal is the signal that ended the program, or 0.
func Signal(state *os.ProcessState) syscall.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}
