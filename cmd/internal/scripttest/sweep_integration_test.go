package scripttest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestKeepManagement deletes all but what comes to addresses of this machine.
func TestKeepManagement(t *testing.T) {
	ns := mixed(t)
	netnstest.Address(t, ns, "lo", "192.0.2.1/32")
	netnstest.Address(t, ns, "lo", "2001:db8::1/128")
	path, before := script(t, "keep-management.lua"), table(t, ns)
	ctsh(t, ns, path).oneLine(t, 2, "PORT is missing")
	for _, port := range []string{"0", "65536", "0x16", "1e3", "22.0", "+22", " 22", "ssh", ""} {
		ctsh(t, ns, path, "22", port).oneLine(t, 2, `"`+port+`" is no port from 1 to 65535`)
	}
	ctsh(t, ns, "--read-only", path, "22").want(t, 3, "", "read-only")
	ctsh(t, ns, "--dry-run", path, "22", "80", "443").want(t, 0, "kept 5, delete: dry run, 174 matched, nothing changed", "")
	unchanged(t, ns, before)
	ctsh(t, ns, path, "22", "80", "443").want(t, 0, "kept 5, delete: 174 matched, 174 applied", "")
	v4, v6 := 0, 0
	for _, e := range table(t, ns).flows {
		if e.Orig.Src.Is4() {
			v4++
		} else {
			v6++
		}
	}
	if v4 != 3 || v6 != 2 {
		t.Errorf("kept %d and %d, want 3 of IPv4 and 2 of IPv6", v4, v6)
	}
	ctsh(t, ns, path, "22", "80", "443").want(t, 0, "kept 5, delete: 0 matched, 0 applied", "")
	ctsh(t, ns, "undo", "--yes").want(t, 0, "undo delete: 174 matched, 174 applied", "idle flows come back")
	unchanged(t, ns, before)
}

// TestReconcile deletes the UDP flows of backends that do not serve.
func TestReconcile(t *testing.T) {
	ns := mixed(t)
	path, before := script(t, "udp-reconcile.lua"), table(t, ns)
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "services.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	ctsh(t, ns, path, file(`{"services": {"10.96.0.10:53": []}}`)).want(t, 0, "", "")
	ctsh(t, ns, path, file(`{}`)).want(t, 0, "", "")
	for text, want := range map[string]string{
		`{`:                  "json.decode",
		`[]`:                 "what it holds is no object",
		`5`:                  "what it holds is no object",
		`null`:               "what it holds is no object",
		`{"service": {}}`:    `unknown key "service"; did you mean "services"?`,
		`{"nodeports": {}}`:  `unknown key "nodeports"; did you mean "nodePorts"?`,
		`{"services": null}`: "services is no object",
		`{"nodePorts": []}`:  "nodePorts is no object",
		`{"services": {"10.96.0.10": ["10.244.1.3"]}}`:           "no ADDRESS:PORT",
		`{"services": {"10.96.0:53": ["10.244.1.3"]}}`:           "no ADDRESS:PORT",
		`{"services": {"10.96.0.10:65536": ["10.244.1.3"]}}`:     "no port from 1 to 65535",
		`{"services": {"10.96.0.10:53": ["10.244.1.300"]}}`:      `lists "10.244.1.300" which is no address`,
		`{"services": {"10.96.0.10:53": [null]}}`:                "no address",
		`{"services": {"10.96.0.10:53": "10.244.1.3"}}`:          "has no list",
		`{"services": {"10.96.0.10:53": {"10.244.1.3": true}}}`:  "has no list",
		`{"services": {"[fd00::a]:53": [], "[FD00::A]:53": []}}`: "is there twice",
		`{"services": false}`:                                    "services is no object",
		`{"nodePorts": {"0x7565": ["10.244.1.3"]}}`:              "no port from 1 to 65535",
		`{"nodePorts": {"30053\n": ["10.244.1.3"]}}`:             "no port from 1 to 65535",
	} {
		ctsh(t, ns, path, file(text)).oneLine(t, 2, want)
	}
	unchanged(t, ns, before)
	want := file(`{"services": {"10.96.0.10:53": ["10.244.1.3"]}, "nodePorts": {"30053": ["10.244.1.3"]}}`)
	ctsh(t, ns, "--dry-run", path, want).want(t, 0, "delete: dry run, 4 matched, nothing changed", "")
	unchanged(t, ns, before)
	ctsh(t, ns, path, want).want(t, 0, "delete: 4 matched, 4 applied", "")
	after := table(t, ns).flows
	stay := 0
	for name, e := range before.flows {
		_, there := after[name]
		serving := e.Reply.Src.String() == "10.244.1.3"
		stale := e.Reply.Src.String() == "10.244.1.2"
		switch {
		case stale && there, !stale && !there:
			t.Errorf("%s: there is %v", name, there)
		case serving:
			stay++
		}
	}
	if stay != 2 || len(after) != 175 {
		t.Errorf("%d serving flows stay, want 2; %d in all, want 175", stay, len(after))
	}
	ctsh(t, ns, path, want).want(t, 0, "", "")
}

// TestReconcileCompares addresses, however they are written, and ports of nodes
// at nodes alone.
func TestReconcileCompares(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ns := netnstest.New(t)
	netnstest.Address(t, ns, "lo", "192.0.2.7/32")
	ctsh(t, ns, "-e", `
		local function udp(sport, src, dst, dport, to)
			ct.create{proto = "udp", src = src, sport = sport, dst = dst, dport = dport, nat_dst = to, nat_dport = to and 5353, timeout = 600}:apply()
		end
		udp(1, "fd00::99", "fd00::a", 53, "fd00::3")
		udp(2, "fd00::99", "fd00::a", 53, "fd00::4")
		udp(3, "10.0.0.9", "10.96.0.10", 53, "10.244.1.3")
		udp(4, "10.0.0.9", "192.0.2.1", 30053, "10.244.1.2")
		udp(5, "10.0.0.9", "8.8.8.8", 30053)                 -- it passes by
		udp(6, "10.0.0.9", "192.0.2.7", 30053)               -- it came before there was a backend
		udp(7, "10.0.0.9", "9.9.9.9", 30053, "10.244.1.2")   -- another rule translated it`).want(t, 0, "", "")
	for _, c := range []struct {
		text  string
		nodes []string
		want  string
	}{
		{`{"services": {"[fd00::a]:53": ["fd00::3", "fd00::4"]}}`, nil, ""},
		{`{"services": {"[fd00::a]:53": ["fd00:0::3", "FD00::4"]}}`, nil, ""},
		{`{"services": {"[FD00::a]:53": ["FD00:0:0::3"]}}`, nil, "1"},
		{`{"services": {"[fd00:0::000A]:53": ["fd00::3"], "10.96.0.10:53": ["::ffff:10.244.1.3"]}}`, nil, "1"},
		{`{"nodePorts": {"30053": ["10.244.1.3"]}}`, nil, "3"},
		{`{"nodePorts": {"30053": ["10.244.1.3"]}}`, []string{"--node", "192.0.2.1"}, "1"},
		{`{"nodePorts": {"30053": ["10.244.1.3"]}}`, []string{"--node", "192.0.2.1", "--node=192.0.2.7"}, "2"},
		{`{"nodePorts": {"30053": ["10.244.1.3"]}}`, []string{"--node", "192.0.2.2"}, ""},
	} {
		name := filepath.Join(t.TempDir(), "services.json")
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := ""
		if c.want != "" {
			want = "delete: dry run, " + c.want + " matched, nothing changed"
		}
		ctsh(t, ns, slices.Concat([]string{"--dry-run", script(t, "udp-reconcile.lua"), name}, c.nodes)...).want(t, 0, want, "")
	}
}

// TestSweep deletes what is closing and all UDP, quietly.
func TestSweep(t *testing.T) {
	ns := mixed(t)
	path, before := script(t, "sweep.lua"), table(t, ns)
	for _, flags := range [][]string{{"-n"}, {"-v", "-n"}, {"-n", "-v"}, {"-vn"}} {
		plan := ctsh(t, ns, append([]string{path}, flags...)...)
		if plan.code != 0 || !strings.Contains(plan.out, "9 flows, 5% of the 179") || !strings.Contains(plan.out, "35 flows, 20% of the 179") {
			t.Errorf("%q: %+v", flags, plan)
		}
	}
	held := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(held)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctsh(t, ns, path, "--lock", held).want(t, 0, "", "")
	ctsh(t, ns, path, "-v", "--lock="+held).want(t, 0, "another run holds "+held+": nothing is done", "")
	ctsh(t, ns, path, "--lock", held+"/none").oneLine(t, 1, "cannot lock")
	ctsh(t, ns, "--dry-run", path).want(t, 0, "", "")
	unchanged(t, ns, before)
	ctsh(t, ns, path, "-v").want(t, 0, "delete: 44 matched, 44 applied", "")
	ctsh(t, ns, path).want(t, 0, "", "")
	ctsh(t, ns, path, "-v").want(t, 0, "delete: 0 matched, 0 applied", "")
	if n := len(table(t, ns).flows); n != 135 {
		t.Errorf("%d flows are left, want 135", n)
	}
}

// TestSweepOfOrdinaryUser says what is missing: the privilege, whoever owns the
// lock, and where --scratch gives that, the lock.
func TestSweepOfOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 || netns.InUserNS() {
		t.Skip("needs root, to become an ordinary user")
	}
	dir, err := os.MkdirTemp("", "sweep") // that of the test is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path, lock := filepath.Join(dir, "sweep.lua"), filepath.Join(dir, "lock")
	text, err := os.ReadFile(script(t, "sweep.lua"))
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, text, 0o644), os.WriteFile(lock, nil, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"--memory=1GiB": "needs CAP_NET_ADMIN", "--scratch": "cannot lock \"" + lock + "\": permission denied"} {
		cmd := child(t, flag, path, "-v", "--lock", lock)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		r := end(t, cmd)
		r.oneLine(t, 5, want)
		if strings.Contains(r.errors, "of user") {
			t.Errorf("%s tells users by numbers that are not theirs: %q", flag, r.errors)
		}
	}
}

// TestSaveAndRestore brings a table back, twice.
func TestSaveAndRestore(t *testing.T) {
	ns := mixed(t)
	before := table(t, ns)
	dir := t.TempDir()
	file, ready := filepath.Join(dir, "flows"), filepath.Join(dir, "ready")
	ctsh(t, ns, script(t, "save-flows.lua"), file).want(t, 0, "saved 179 flows", "")
	some := filepath.Join(dir, "some")
	for said, filter := range map[string][]string{
		"saved 8 flows":  {"udp", "and", "dport", "==", "53"},
		"saved 35 flows": {"udp"},
		"saved 20 flows": {"snat or dnat"},
	} {
		ctsh(t, ns, append([]string{script(t, "save-flows.lua"), some}, filter...)...).want(t, 0, said, "")
	}
	ctsh(t, ns, script(t, "save-flows.lua"), some, "udp", "and", "dprot", "==", "53").oneLine(t, 2, `did you mean "dport"?`)
	ctsh(t, ns, script(t, "save-flows.lua"), some, "").oneLine(t, 2, "FILTER")
	flush := func() {
		ctsh(t, ns, "-e", "print(ct.flush{yes = true}:apply())").want(t, 0, "delete: 179 matched, 179 applied", "")
	}
	flush()
	path := script(t, "restore-flows.lua")
	ctsh(t, ns, "--dry-run", path, file, ready).want(t, 0, "restore: dry run, 179 matched, nothing changed", "")
	if len(table(t, ns).flows) != 0 {
		t.Error("a dry run restored something")
	}
	if _, err := os.Stat(ready); err == nil {
		t.Error("a dry run says that all is ready")
	}
	for range 2 {
		ctsh(t, ns, path, file, ready).want(t, 0, "restore: 179 matched, 179 applied", "")
		unchanged(t, ns, before)
		ctsh(t, ns, path, file).want(t, 0, "restore: 179 matched, 0 applied, 179 there already", "")
		unchanged(t, ns, before)
		flush()
	}
	if _, err := os.Stat(ready); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	ctsh(t, ns, path, file).want(t, 6, "", "is damaged")
	if len(table(t, ns).flows) != 0 {
		t.Error("a damaged file was restored")
	}
	r := ctsh(t, ns, "-e", "local r = ct.restore(arg[1], {force = true}):apply() print(r.applied, r.failed)", file)
	if n := len(table(t, ns).flows); r.code != 0 || r.out != fmt.Sprintf("%d\t0\n", n) || n == 0 || n == 179 {
		t.Errorf("its good part: %+v, %d flows", r, n)
	}
}
