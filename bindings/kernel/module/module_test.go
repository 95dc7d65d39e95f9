package module

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const release = "6.1.0-test"

// machine lays a machine's files out; a name ending in a slash is a directory.
func machine(t *testing.T, files map[string]string) Machine {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Machine{Root: root, Release: release}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestState(t *testing.T) {
	lib := "lib/modules/" + release + "/"
	config := func(line string) string { return gzipped(t, "CONFIG_NET=y\n"+line+"\n") }
	for _, c := range []struct {
		name     string
		files    map[string]string
		want     State
		evidence string
		filename string
	}{
		{"nothing", nil, Unknown, "neither", ""},
		{"loaded", map[string]string{"sys/module/nf_conntrack_netlink/initstate": "live\n"}, Loaded, "initstate", ""},
		{"in /sys without initstate", map[string]string{"sys/module/nf_conntrack_netlink/": ""}, BuiltIn, "/sys/module", "(builtin)"},
		{"listed as built in", map[string]string{lib + "modules.builtin": "kernel/net/a.ko\nkernel/net/netfilter/nf_conntrack_netlink.ko\n"}, BuiltIn, "modules.builtin", "(builtin)"},
		{"configured y", map[string]string{"proc/config.gz": config("CONFIG_NF_CT_NETLINK=y")}, BuiltIn, "/proc/config.gz: CONFIG_NF_CT_NETLINK=y", "(builtin)"},
		{"configured y in /boot", map[string]string{"boot/config-" + release: "CONFIG_NF_CT_NETLINK=y\n"}, BuiltIn, "/boot/config-", "(builtin)"},
		{"a longer option", map[string]string{"proc/config.gz": config("CONFIG_NF_CT_NETLINK_TIMEOUT=y")}, Absent, "not set", ""},
		{"configured n", map[string]string{"proc/config.gz": config("# CONFIG_NF_CT_NETLINK is not set")}, Absent, "CONFIG_NF_CT_NETLINK is not set", ""},
		{"configured m without a file", map[string]string{"proc/config.gz": config("CONFIG_NF_CT_NETLINK=m")}, Absent, "no file", ""},
		{"a file", map[string]string{lib + "modules.dep": "kernel/a.ko:\nkernel/net/nf_conntrack_netlink.ko.zst: kernel/net/nf_conntrack.ko.zst\n",
			"proc/config.gz": config("CONFIG_NF_CT_NETLINK=m")}, Available, ".ko.zst", "/" + lib + "kernel/net/nf_conntrack_netlink.ko.zst"},
		{"no file", map[string]string{lib + "modules.dep": "kernel/a.ko:\n"}, Absent, "modules.dep", ""},
		{"damaged configuration", map[string]string{"proc/config.gz": "not gzip"}, Unknown, "neither", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := machine(t, c.files).Lookup("nf-conntrack-netlink")
			if f.Name != "nf_conntrack_netlink" || f.State != c.want || !strings.Contains(f.Evidence, c.evidence) || f.Filename != c.filename {
				t.Errorf("%+v", f)
			}
			if f.State.Present() != (c.want == Loaded || c.want == BuiltIn) {
				t.Errorf("%v: present %v", f.State, f.State.Present())
			}
		})
	}
}

func TestParametersOfBuiltIn(t *testing.T) {
	m := machine(t, map[string]string{
		"sys/module/nf_conntrack/parameters/acct":     "N\n",
		"sys/module/nf_conntrack/parameters/hashsize": "262144\n",
		"proc/cmdline": "quiet nf-conntrack.enable_hooks=1 nf_conntrack.acct=1 other.acct=1 nf_conntrack.tstamp\n",
		"lib/modules/" + release + "/modules.builtin.modinfo": "nf_conntrack.parmtype=acct:bool\x00nf_conntrack.parm=acct:Enable: accounting.\x00" +
			"nf_conntrack_ftp.version=9\x00nf_conntrack.description=Tracking\x00nf_conntrack.parmtype=tstamp:bool\x00",
	})
	if err := os.Chmod(filepath.Join(m.Root, "sys/module/nf_conntrack/parameters/hashsize"), 0o400); err != nil {
		t.Fatal(err)
	}
	f := m.Lookup("nf_conntrack")
	if f.State != BuiltIn || f.Description != "Tracking" || f.Version != "" || f.Release != release || len(f.Parameters) != 4 {
		t.Fatalf("%+v", f)
	}
	acct, _ := f.Parameter("acct")
	if acct.Value != "N" || !acct.HasValue || acct.Type != "bool" || acct.Description != "Enable: accounting." || !acct.Writable || !strings.HasPrefix(acct.Source, "/sys") {
		t.Errorf("%+v", acct)
	}
	hooks, _ := f.Parameter("enable_hooks")
	if hooks.Value != "1" || hooks.Source != "/proc/cmdline" || hooks.Writable {
		t.Errorf("%+v", hooks)
	}
	if p, _ := f.Parameter("tstamp"); p.Value != "Y" {
		t.Errorf("%+v", p)
	}
	if p, _ := f.Parameter("hashsize"); p.Value != "262144" || p.Writable {
		t.Errorf("%+v", p)
	}
	if _, ok := f.Parameter("none"); ok {
		t.Error("a parameter that does not exist was found")
	}
	if f := machine(t, map[string]string{"sys/module/nf_conntrack/parameters/": ""}).Lookup("nf_conntrack"); len(f.Parameters) != 1 || f.Parameters[0].HasValue {
		t.Errorf("a parameter that nothing tells: %+v", f.Parameters)
	}
}

// A module file is read, plain and compressed, as far as gzip goes.
func TestModinfoOfFile(t *testing.T) {
	dir := t.TempDir()
	source, object := filepath.Join(dir, "m.c"), filepath.Join(dir, "m.ko")
	text := `static const char info[] __attribute__((section(".modinfo"), used)) =
		"version=1.2\0srcversion=AB\0description=A test\0parm=ports:port numbers\0parmtype=ports:array of ushort";`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-c", "-o", object, source).CombinedOutput(); err != nil {
		t.Skipf("needs a C compiler to make a module file: %v: %s", err, out)
	}
	data, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"m.ko": string(data), "m.ko.gz": gzipped(t, string(data))} {
		lib := "lib/modules/" + release + "/"
		f := machine(t, map[string]string{lib + "modules.dep": "extra/" + name + ":\n", lib + "extra/" + name: content}).Lookup("m")
		p, _ := f.Parameter("ports")
		if f.State != Available || f.Version != "1.2" || f.SrcVersion != "AB" || f.Description != "A test" || p.Type != "array of ushort" || p.Description != "port numbers" {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if got := sectionModinfo(data[:len(data)/2]); got != nil {
		t.Errorf("half a file gave %q", got)
	}
}

// This machine has connection tracking, or says that it has not.
func TestThisMachine(t *testing.T) {
	f := Lookup("nf_conntrack")
	_, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_count")
	if err == nil && !f.State.Present() {
		t.Errorf("sysctls of connection tracking are there, but: %+v", f)
	}
	if f.Release == "" {
		t.Error("no release")
	}
	if f.State.Present() {
		for _, name := range []string{"acct", "tstamp", "hashsize", "expect_hashsize", "enable_hooks"} {
			if _, ok := f.Parameter(name); !ok {
				t.Errorf("no parameter %s in %+v", name, f.Parameters)
			}
		}
	}
	t.Logf("%+v", f)
	t.Logf("%+v", Lookup("nf_conntrack_netlink"))
	t.Logf("%+v", Lookup("nf_flow_table"))
}
