package netnstest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// Main runs the tests of a package and exits. Without CAP_SYS_ADMIN and
// CAP_NET_ADMIN it first starts the test program again in a user and network
// namespace of its own. Where that is forbidden the tests run as they are, and
// [New] skips.
func Main(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	switch {
	case netns.InScratch():
		if err := netns.EnterScratch(); err != nil {
			fmt.Fprintln(os.Stderr, "netnstest:", err)
			return 1
		}
	case !privileged():
		code, err := netns.Reexec(netns.ReexecOptions{})
		if err == nil {
			return code
		}
		fmt.Fprintln(os.Stderr, "netnstest: tests of the kernel will be skipped:", err)
	}
	return m.Run()
}

func privileged() bool {
	return netns.HasCap(unix.CAP_SYS_ADMIN) && netns.HasCap(unix.CAP_NET_ADMIN)
}

// New gives the test a fresh namespace with its loopback up, closed when the
// test ends. Without the privilege the test is skipped.
func New(t testing.TB) *netns.NS {
	t.Helper()
	ns, err := netns.New()
	var privilege *netns.PrivilegeError
	if errors.As(err, &privilege) {
		t.Skipf("needs root or user namespaces: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	if err := ns.LoopbackUp(); err != nil {
		t.Fatal(err)
	}
	return ns
}

// Run runs a command inside ns and returns its standard output. The test fails
// when the command does, and is skipped when the machine has no such command.
func Run(t testing.TB, ns *netns.NS, name string, args ...string) string {
	t.Helper()
	return Feed(t, ns, "", name, args...)
}

// Feed is [Run] with stdin given to the command.
func Feed(t testing.TB, ns *netns.NS, stdin, name string, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := Command(t, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	if err := ns.Do(cmd.Run); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.String()
}

// Command prepares a command that [netns.NS.Do] may run, looked up in the
// directories of the administrator too, which an ordinary user's PATH lacks.
func Command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(filepath.Join(dir, name))
	}
	if err != nil {
		t.Skipf("needs the command %s, which is not installed", name)
	}
	return exec.Command(path, args...)
}
