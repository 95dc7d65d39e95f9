package netns_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// role prepares this program in a role, outside any scratch by its marker.
func role(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVar+"="+name, netns.ScratchVar+"=")
	return cmd
}

// asNobody makes the command run as an ordinary user. That takes real root.
func asNobody(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 || netns.InUserNS() {
		t.Skip("needs root, to become an ordinary user")
	}
	// Under "go test -cover" the program writes what it covered, where it may.
	covered, err := os.MkdirTemp("", "covered")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(covered) })
	if err := os.Chmod(covered, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Environ(), "GOCOVERDIR="+covered)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// userNamespaces skips where an ordinary user cannot have one.
func userNamespaces(t *testing.T) {
	t.Helper()
	probe := asNobody(t, netnstest.Command(t, "unshare", "-Urn", "true"))
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("needs user namespaces for ordinary users: %v: %s", err, out)
	}
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

func TestScratch(t *testing.T) {
	netnstest.New(t) // the privilege
	out, err := role("describe", "a b", "--x", "").CombinedOutput()
	checkDescription(t, string(out), exitCode(t, err), netns.InUserNS())
}

func TestScratchOfOrdinaryUser(t *testing.T) {
	userNamespaces(t)
	out, err := asNobody(t, role("describe", "a b", "--x", "")).CombinedOutput()
	checkDescription(t, string(out), exitCode(t, err), true)
}

func checkDescription(t *testing.T, out string, code int, user bool) {
	t.Helper()
	var inside uint64
	if _, err := fmt.Sscanf(out, "netns=%d", &inside); err != nil || code != 7 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if inside == here() {
		t.Error("the scratch is our own namespace")
	}
	want := fmt.Sprintf("marker=in:%d scratch=true user=%v uid=0 admin=true new=<nil> lo=true args=[\"a b\" \"--x\" \"\"]\n", inside, user)
	if _, rest, _ := strings.Cut(out, " "); rest != want {
		t.Errorf("the scratch said\n%swant\n%s", rest, want)
	}
}

func TestScratchPassesStreams(t *testing.T) {
	netnstest.New(t)
	cmd := role("echo")
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("hello"), &out, &errOut
	if err := cmd.Run(); err != nil || out.String() != "out:hello" || errOut.String() != "err:hello" {
		t.Errorf("%v, %q, %q", err, out.String(), errOut.String())
	}
}

func TestScratchOfOtherProgram(t *testing.T) {
	netnstest.New(t)
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	code, err := netns.Reexec(netns.ReexecOptions{
		Path: "/bin/sh", Args: []string{"-c", `echo "$X $CTSH_SCRATCH"; exit 3`}, Env: []string{"X=y", "CTSH_SCRATCH=old"}, Stdout: out,
	})
	if err != nil || code != 3 {
		t.Fatalf("exit code %d, %v", code, err)
	}
	text, err := os.ReadFile(out.Name())
	if want := fmt.Sprintf("y not:%d\n", here()); err != nil || string(text) != want {
		t.Errorf("it said %q, %v, want %q", text, err, want)
	}
	if _, err := netns.Reexec(netns.ReexecOptions{Path: "/no/such/program"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
}

func TestScratchDies(t *testing.T) {
	netnstest.New(t)
	if code := exitCode(t, role("die").Run()); code != 128+9 {
		t.Errorf("exit code %d of a child that was killed, want 137", code)
	}
}

// A marker that was exported by hand or left over must not pass the network we
// stand in for a scratch.
func TestMarker(t *testing.T) {
	self := here()
	for marker, want := range map[string]bool{
		"": false, "1": false, "true": false, "in": false, "in:": false, "in:x": false, "not:": false,
		fmt.Sprintf("in:%d", self+1): false, fmt.Sprintf("not:%d", self): false, fmt.Sprintf("x:%d", self): false,
		fmt.Sprintf("in:%d", self): true, fmt.Sprintf("not:%d", self+1): true,
	} {
		t.Setenv(netns.ScratchVar, marker)
		if got := netns.InScratch(); got != want {
			t.Errorf("InScratch() with %q = %v", marker, got)
		}
		if !want && netns.EnterScratch() == nil {
			t.Errorf("EnterScratch() with %q succeeded", marker)
		}
	}
}

// started starts the signals role and waits until it is ready.
func started(t *testing.T, cmd *exec.Cmd, start func() (io.Reader, error)) (lines *bufio.Scanner, child int) {
	t.Helper()
	out, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines = bufio.NewScanner(out)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "ready %d", &child); err == nil {
			return lines, child
		}
	}
	t.Fatalf("it never got ready: %v", lines.Err())
	return nil, 0
}

func await(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), want) {
			return
		}
	}
	t.Fatalf("no %q: %v", want, lines.Err())
}

func TestScratchPassesSignals(t *testing.T) {
	netnstest.New(t)
	cmd := role("signals")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	lines, child := started(t, cmd, func() (io.Reader, error) {
		out, err := cmd.StdoutPipe()
		return out, errors.Join(err, cmd.Start())
	})
	if child == cmd.Process.Pid {
		t.Fatal("no child")
	}
	for _, s := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		await(t, lines, "got "+s.String())
	}
	if _, err := io.WriteString(stdin, "\n"); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, cmd.Wait()); code != 4 {
		t.Errorf("exit code %d, want the 4 signals", code)
	}
}

// Ctrl-C on a terminal reaches the scratch once, not once more through us.
func TestScratchOnTerminal(t *testing.T) {
	netnstest.New(t)
	cmd := role("signals")
	var tty *os.File
	lines, _ := started(t, cmd, func() (_ io.Reader, err error) {
		tty, err = pty.Start(cmd)
		return tty, err
	})
	defer tty.Close()
	for range 3 {
		if _, err := tty.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		await(t, lines, "got interrupt")
	}
	if _, err := tty.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // until the terminal closes
	}
	if code := exitCode(t, cmd.Wait()); code != 3 {
		t.Errorf("exit code %d, want one signal for each of 3 keys", code)
	}
}

func TestScratchEndsWithUs(t *testing.T) {
	netnstest.New(t)
	cmd := role("signals")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	lines, _ := started(t, cmd, func() (io.Reader, error) {
		out, err := cmd.StdoutPipe()
		return out, errors.Join(err, cmd.Start())
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, lines, "got terminated")
}

func TestPowerless(t *testing.T) {
	ns := netnstest.New(t)
	cmd := asNobody(t, role("powerless"))
	inherited, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	cmd.ExtraFiles = []*os.File{inherited}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(string(out), "\n")
	for i, want := range []string{"0 true make a network namespace", "1 true enter network namespace", "2 true open network namespace \"pid:1\"", "3 false enter scratch"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is not %q:\n%s", i, want, out)
		}
	}
	t.Logf("%s", out)
}

// The tests that need no named namespace run for an ordinary user too, in a
// scratch that netnstest.Main makes.
func TestEverythingAsOrdinaryUser(t *testing.T) {
	userNamespaces(t)
	cmd := asNobody(t, exec.Command("/proc/self/exe", "-test.v", "-test.run=TestDo|TestNew|TestWatch|TestScratch|TestMarker|TestOpen"))
	cmd.Env = append(cmd.Env, netns.ScratchVar+"=", "HOME=/", "TMPDIR=/tmp")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"TestDo", "TestDoFromManyGoroutines", "TestNewLoopback", "TestWatchPath", "TestScratch", "TestScratchOnTerminal"} {
		if !bytes.Contains(out, []byte("--- PASS: "+name+" ")) {
			t.Errorf("%s did not pass:\n%s", name, out)
		}
	}
}

// Where user namespaces are forbidden the refusal names the setting.
func TestScratchForbidden(t *testing.T) {
	self, err := os.Open("/proc/self/exe") // its path may be closed to an ordinary user
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	for _, tool := range []string{"unshare", "setpriv"} {
		netnstest.Command(t, tool)
	}
	if out, err := exec.Command("unshare", "-Ur", "setpriv", "--bounding-set=-all", "true").CombinedOutput(); err != nil {
		t.Skipf("needs a user namespace to forbid others in: %v: %s", err, out)
	}
	cmd := exec.Command("unshare", "-Ur", "sh", "-c",
		`echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all /proc/self/fd/3`)
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = role("describe").Env
	out, err := cmd.CombinedOutput()
	if code := exitCode(t, err); code != 99 || !bytes.Contains(out, []byte("user.max_user_namespaces is 0 and must be above 0")) {
		t.Errorf("exit code %d: %s", code, out)
	}
	t.Logf("%s", out)
}
