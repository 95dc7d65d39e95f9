package child

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func shell(script string) func() (*exec.Cmd, error) {
	return func() (*exec.Cmd, error) {
		cmd := exec.Command("/bin/sh", "-c", script)
		return cmd, cmd.Start()
	}
}

func TestHowItEnds(t *testing.T) {
	for script, want := range map[string]struct {
		code   int
		signal syscall.Signal
	}{
		"exit 0":        {0, 0},
		"exit 7":        {7, 0},
		"kill -TERM $$": {143, unix.SIGTERM},
		"kill -KILL $$": {137, unix.SIGKILL},
	} {
		state, err := Run(shell(script))
		if err != nil || ExitCode(state) != want.code || Signal(state) != want.signal {
			t.Errorf("%s: %v, %v", script, state, err)
		}
	}
	broken := errors.New("broken")
	if _, err := Run(func() (*exec.Cmd, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("a program that does not start: %v", err)
	}
}

// Every signal that we get is passed on, once. A terminal is none of it here.
func TestSignals(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	start := func() (*exec.Cmd, error) {
		defer w.Close()
		cmd := exec.Command("/bin/sh", "-c", `n=0; trap 'n=$((n+1)); echo hup' HUP; trap 'n=$((n+1)); echo usr1' USR1; trap 'exit $n' TERM
			echo ready; while :; do sleep 0.01; done`)
		cmd.Stdout = w
		return cmd, cmd.Start()
	}
	go func() {
		signals := []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGHUP, unix.SIGTERM}
		for lines := bufio.NewScanner(r); lines.Scan() && len(signals) > 0; signals = signals[1:] {
			_ = unix.Kill(os.Getpid(), signals[0])
		}
	}()
	if state, err := Run(start); err != nil || ExitCode(state) != 3 {
		t.Errorf("it counted %v signals, want 3: %v", state, err)
	}
}
