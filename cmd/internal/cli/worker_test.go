package cli

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// command prepares ctsh as a process of its own, without a terminal.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{Path: self, Args: append([]string{"ctsh"}, args...), SysProcAttr: &syscall.SysProcAttr{Setsid: true},
		Env: append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())}
}

func needMemory(t *testing.T) {
	t.Helper()
	if race {
		t.Skip("the race detector needs more memory than --memory can allow")
	}
}

// An interrupt meant for the parent ends the script in the worker.
func TestWorkerInterrupt(t *testing.T) {
	needMemory(t)
	for s, want := range map[syscall.Signal]int{unix.SIGINT: 130, unix.SIGTERM: 143, unix.SIGKILL: -1} {
		cmd := command(t, "--memory", "256MiB", "-e", "print('ready') while true do end")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("it said %q, %v", lines.Text(), lines.Err())
		}
		_ = cmd.Process.Signal(s)
		if lines.Scan() { // which lasts until the worker is gone, too
			t.Errorf("%v: it went on: %q", s, lines.Text())
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != want || errs.Len() != 0 {
			t.Errorf("%v: exit code %d, want %d; %s", s, code, want, errs.String())
		}
	}
}

// Whatever ends a script ends it alike with and without a worker, and its
// output is the same.
func TestWorkerChangesNothing(t *testing.T) {
	needMemory(t)
	for _, args := range [][]string{
		{"-e", "print(arg[0], arg[1], arg[2], #arg)", "--memory", ""},
		{"-e", "for i = 1, 20000 do print(i, ('x'):rep(40)) end"},
		{"-e", "exit(2)"}, {"-e", "exit(3)"}, {"-e", "exit(6)"}, {"-e", "exit(124)"}, {"-e", "exit(255)"},
		{"-e", "print(1) error('broken')"}, {"-e", "x = = 1"}, {"-e", "flows:where{}"},
		{"--timeout", "100ms", "-e", "while true do end"}, {"--timeout", "100ms", "--json", "-e", "sleep('1h')"},
		{"--dry-run", "-e", "print(1)"}, {"--read-only", "-e", "ct.flush{yes=true}:apply()"},
		{"--netns", "no-such-namespace", "-e", ""}, {"--allow", "none", "-e", "print(io)"}, {"run", "-"}, {"-", "a"}, {}, {"no/such.lua"},
	} {
		ends := func(args []string) string {
			cmd := command(t, args...)
			cmd.Stdin = strings.NewReader("print('stdin', ...) exit(9)")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			return out.String() + errs.String() + cmd.ProcessState.String()
		}
		want := ends(args)
		if got := ends(append([]string{"--memory", "256MiB"}, args...)); got != want {
			t.Errorf("%q\n%.300q with a worker\n%.300q without", args, got, want)
		}
	}
}

// A prompt that used up its memory leaves the terminal as it found it.
func TestWorkerPrompt(t *testing.T) {
	needMemory(t)
	c := startPrompt(t, "--memory", "256MiB")
	before, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	c.expect("ct> ")
	c.send("1 + 1\r")
	c.expect("2\r\n")
	c.send("t = {} while true do t[#t + 1] = {} end\r")
	c.expect("ctsh: the prompt needed more than 256 MiB (--memory); the script was ended")
	if err := c.cmd.Wait(); c.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v, want exit code 1", err)
	}
	after, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
	if err != nil || after.Lflag != before.Lflag && after.Lflag&unix.ECHO == 0 {
		t.Errorf("terminal %x, was %x, %v", after.Lflag, before.Lflag, err)
	}
}
