package sysctl_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
)

// powerlessVar keeps the tests out of a scratch, to see what an ordinary user
// sees.
const powerlessVar = "SYSCTL_TEST_POWERLESS"

func TestMain(m *testing.M) {
	if os.Getenv(powerlessVar) != "" {
		os.Exit(m.Run())
	}
	netnstest.Main(m)
}

// fresh gives the sysctls of a new namespace.
func fresh(t *testing.T) (*sysctl.Table, *netns.NS) {
	t.Helper()
	ns := netnstest.New(t)
	table := sysctl.Open(ns)
	var absent *sysctl.AbsentError
	if _, err := table.Get("count"); errors.As(err, &absent) {
		t.Skipf("needs connection tracking: %v", err)
	}
	return table, ns
}

// The number of buckets that the kernel has is one that it would keep.
func TestKept(t *testing.T) {
	table, _ := fresh(t)
	v, err := table.Get("buckets")
	if err != nil {
		t.Skipf("needs the number of buckets: %v", err)
	}
	k, err := sysctl.Lookup("buckets")
	if err != nil || k.Kept(v) != v || k.Kept(v-1) != v || k.Kept(v+1) <= v+1 {
		t.Errorf("%d, %v: %d, %d less one, %d more one", v, err, k.Kept(v), k.Kept(v-1), k.Kept(v+1))
	}
}

// Every sysctl of connection tracking that the kernel has is declared, and a
// new namespace has the defaults that the table declares.
func TestDeclarationsAgainstKernel(t *testing.T) {
	table, ns := fresh(t)
	entries, err := table.List()
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, e := range entries {
		declared[e.Name] = true
		switch {
		case e.Err != nil:
			t.Errorf("%s: %v", e.Name, e.Err)
		case !e.Present:
			if e.Optional == "" && e.Scope == sysctl.PerNetns {
				t.Errorf("%s is absent", e.Name)
			}
		case e.Scope == sysctl.InitOnly:
			t.Errorf("%s shows in a new namespace", e.Name)
		case e.Writable != (e.Scope == sysctl.PerNetns && !e.ReadOnly):
			t.Errorf("%s: writable %v with scope %s", e.Name, e.Writable, e.Scope)
		case e.Computed == "" && e.Scope == sysctl.PerNetns && e.Value != e.Default:
			t.Errorf("%s is %d in a new namespace, declared %d", e.Name, e.Value, e.Default)
		}
	}
	err = ns.Do(func() error {
		files, err := filepath.Glob("/proc/sys/net/netfilter/nf_*")
		for _, f := range files {
			name := strings.ReplaceAll(strings.TrimPrefix(f, "/proc/sys/"), "/", ".")
			if (strings.Contains(name, "nf_conntrack") || strings.Contains(name, "nf_flowtable")) && !declared[name] {
				t.Errorf("%s is not declared", name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every key that can be set in a namespace is, to its default plus one or to
// the other bool, without a trace in another namespace.
func TestSetEach(t *testing.T) {
	a, _ := fresh(t)
	b, _ := fresh(t)
	entries, err := a.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Present || !e.Writable {
			continue
		}
		next := e.Value + 1
		if next > e.Max {
			next = e.Min
		}
		if e.Alias == "frag6_low_thresh" {
			next = e.Value - 1 // it stays below the high one
		}
		change, err := a.SetInt(e.Alias, next)
		if err != nil || change.Was != e.Value || change.Now != next {
			t.Errorf("%s: %+v, %v", e.Name, change, err)
		}
		if v, err := b.Get(e.Name); v != e.Value || err != nil {
			t.Errorf("%s in another namespace: %d, %v, want %d", e.Name, v, err, e.Value)
		}
	}
}

func TestGlobalKeys(t *testing.T) {
	table, ns := fresh(t)
	for _, name := range []string{"max", "buckets", "expect_max"} {
		before, err := table.Get(name)
		if err != nil || before <= 0 {
			t.Fatalf("%s: %d, %v", name, before, err)
		}
		var readOnly *sysctl.ReadOnlyError
		_, err = table.SetInt(name, before+1)
		if !errors.As(err, &readOnly) || !strings.Contains(err.Error(), "initial network namespace") || !strings.Contains(err.Error(), ns.String()) {
			t.Errorf("set of %s: %v", name, err)
		}
		if after, _ := table.Get(name); after != before {
			t.Errorf("%s changed from %d to %d", name, before, after)
		}
	}
	var absent *sysctl.AbsentError
	if _, err := table.Get("net_max"); !errors.As(err, &absent) || !strings.Contains(err.Error(), "initial") {
		t.Errorf("net_max: %v", err)
	}
}

func TestValueTheKernelRefuses(t *testing.T) {
	table, _ := fresh(t)
	var bad *sysctl.ValueError
	if _, err := table.SetInt("udp_timeout", 2147483647); !errors.As(err, &bad) { // more ticks than an int holds
		t.Errorf("%v", err)
	}
	if v, _ := table.Get("udp_timeout"); v != 30 {
		t.Errorf("udp_timeout is %d after a refusal", v)
	}
}

func TestTimeoutsOfKernel(t *testing.T) {
	table, _ := fresh(t)
	if _, err := table.Set("tcp_timeout_established", "2h"); err != nil {
		t.Fatal(err)
	}
	got, err := table.Timeouts()
	if err != nil {
		t.Fatal(err)
	}
	if got.TCP[3] != 2*time.Hour || got.TCP[1] != 2*time.Minute || got.TCP[8] != 10*time.Second || got.UDPStream != 2*time.Minute || got.Generic != 10*time.Minute {
		t.Errorf("%+v", got)
	}
}

// asNobody runs one test of this program as an ordinary user in a namespace of
// its own.
func asNobody(t *testing.T, test string, env ...string) {
	t.Helper()
	_, ns := fresh(t)
	if os.Getuid() != 0 || netns.InUserNS() {
		t.Skip("needs root, to become an ordinary user")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(append(os.Environ(), netns.ScratchVar+"="), env...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var out []byte
	err := ns.Do(func() (err error) { out, err = cmd.CombinedOutput(); return err })
	if err != nil || !strings.Contains(string(out), "--- PASS: "+test+" ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// An ordinary user may read and not set.
func TestPowerless(t *testing.T) {
	if os.Getenv(powerlessVar) == "" {
		asNobody(t, "TestPowerless", powerlessVar+"=1")
		return
	}
	table := sysctl.Open(nil)
	if v, err := table.Get("udp_timeout"); v != 30 || err != nil {
		t.Errorf("udp_timeout: %d, %v", v, err)
	}
	var privilege *sysctl.PrivilegeError
	if _, err := table.Set("udp_timeout", "31"); !errors.As(err, &privilege) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("set of udp_timeout: %v", err)
	}
	if v, _ := table.Get("udp_timeout"); v != 30 {
		t.Errorf("udp_timeout is %d", v)
	}
}

// In a scratch of an ordinary user the keys of a namespace are his to set, in
// the scratch (without a /proc of its own) and in a namespace made there.
func TestScratchSets(t *testing.T) {
	if !netns.InUserNS() {
		if err := netnstest.Command(t, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "-Urn", "true").Run(); err != nil {
			t.Skipf("needs user namespaces for ordinary users: %v", err)
		}
		asNobody(t, "TestScratchSets")
		return
	}
	table := sysctl.Open(nil)
	inner, _ := fresh(t)
	if change, err := table.Set("udp_timeout", "31"); err != nil || change.Now != 31 {
		t.Errorf("%+v, %v", change, err)
	}
	if change, err := inner.Set("udp_timeout", "32"); err != nil || change.Now != 32 {
		t.Errorf("%+v, %v", change, err)
	}
	if v, _ := table.Get("udp_timeout"); v != 31 {
		t.Errorf("udp_timeout of the scratch is %d", v)
	}
	var readOnly *sysctl.ReadOnlyError
	if _, err := table.Set("max", "10"); !errors.As(err, &readOnly) {
		t.Errorf("max in a scratch: %v", err)
	}
}
