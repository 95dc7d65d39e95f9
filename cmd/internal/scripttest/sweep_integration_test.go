package scripttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// TestKeepManagement deletes all but what comes to addresses of this machine.
func TestKeepManagement(t *testing.T) {
	ns := mixed(t)
	netnstest.Address(t, ns, "lo", "192.0.2.1/32")
	netnstest.Address(t, ns, "lo", "2001:db8::1/128")
	path, before := script(t, "keep-management.lua"), table(t, ns)
	ctsh(t, ns, path).want(t, 1, "", "no port is given")
	ctsh(t, ns, path, "22", "0").want(t, 1, "", "0 is no port")
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
	ctsh(t, ns, path, file(`{"services": {"10.96.0.10": ["10.244.1.3"]}}`)).want(t, 1, "", "no ADDRESS:PORT")
	ctsh(t, ns, path, file(`{`)).want(t, 2, "", "json.decode")
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

// TestSweep deletes what is closing and all UDP, quietly.
func TestSweep(t *testing.T) {
	ns := mixed(t)
	path, before := script(t, "sweep.lua"), table(t, ns)
	ctsh(t, ns, path, "-x").want(t, 1, "", "usage")
	plan := ctsh(t, ns, path, "-n")
	if plan.code != 0 || !strings.Contains(plan.out, "9 flows, 5% of the 179") || !strings.Contains(plan.out, "35 flows, 20% of the 179") {
		t.Errorf("%+v", plan)
	}
	ctsh(t, ns, "--dry-run", path).want(t, 0, "", "")
	unchanged(t, ns, before)
	ctsh(t, ns, path, "-v").want(t, 0, "delete: 44 matched, 44 applied", "")
	ctsh(t, ns, path).want(t, 0, "", "")
	ctsh(t, ns, path, "-v").want(t, 0, "delete: 0 matched, 0 applied", "")
	if n := len(table(t, ns).flows); n != 135 {
		t.Errorf("%d flows are left, want 135", n)
	}
}

// TestSaveAndRestore brings a table back, twice.
func TestSaveAndRestore(t *testing.T) {
	ns := mixed(t)
	before := table(t, ns)
	dir := t.TempDir()
	file, ready := filepath.Join(dir, "flows"), filepath.Join(dir, "ready")
	ctsh(t, ns, script(t, "save-flows.lua"), file).want(t, 0, "saved 179 flows", "")
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
