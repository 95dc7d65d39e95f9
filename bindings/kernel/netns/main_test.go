package netns_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// roleVar makes the test program play the program under test: see roles.
const roleVar = "NETNS_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVar)]; role != nil {
		os.Exit(role())
	}
	netnstest.Main(m)
}

// current is the namespace of the calling thread, for the length of the test.
func current(t testing.TB) *netns.NS {
	t.Helper()
	ns, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func open(t testing.TB, spec string) *netns.NS {
	t.Helper()
	ns, err := netns.Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// here is the number of the calling thread's namespace.
func here() uint64 {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		panic(err)
	}
	return st.Ino
}

// named makes a named namespace with the ip command.
func named(t testing.TB, suffix string) string {
	t.Helper()
	if netns.InUserNS() || !netns.HasCap(unix.CAP_SYS_ADMIN) {
		t.Skip("needs root: only root makes names in /run/netns")
	}
	name := fmt.Sprintf("ctshtest%d%s", os.Getpid(), suffix)
	ip(t, "netns", "add", name)
	t.Cleanup(func() { _ = netnstest.Command(t, "ip", "netns", "del", name).Run() })
	return name
}

func ip(t testing.TB, args ...string) {
	t.Helper()
	if out, err := netnstest.Command(t, "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// descriptors lists what is open of the kinds this package opens.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && (strings.HasPrefix(to, "net:[") || strings.Contains(to, "inotify")) {
			n++
		}
	}
	return n
}

// eventually waits for what happens without our doing.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
