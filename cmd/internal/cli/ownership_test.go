package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A script of somebody else runs in the scratch of root, but gets no further.
func TestConfined(t *testing.T) {
	if !new(options).guarded() || !canScratch() {
		t.Skip("needs root of the machine, and namespaces")
	}
	file := filepath.Join(t.TempDir(), "his.lua")
	source := `
		print(pcall(function() return ct.ns(arg[1]).flows:count() >= 0 end))
		print(io, ct.create{proto = "udp", src = "10.0.0.1", dst = "10.0.0.2", sport = 1, dport = 2, timeout = 60}:apply().applied)
		print(pcall(flows.export, flows, arg[0] .. ".csv", "csv"))
		exit(tonumber(arg[2]))`
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	outside := fmt.Sprintf("pid:%d", os.Getpid())
	if out, err := command(t, "--scratch", "-e", "print(ct.ns(arg[1]).flows:count() >= 0)", outside).CombinedOutput(); err != nil {
		t.Skipf("our own namespace cannot be entered from a scratch here: %s", out)
	}
	for _, c := range []struct {
		args    []string
		code    int
		out     string // part
		without string // no part
	}{
		{[]string{"--scratch", file, outside, "0"}, 0, "nil\t1\n", "true\ttrue"},
		{[]string{"--scratch", "--allow=none", "run", file, outside, "0"}, 0, "false\t", "confined"},
		{[]string{"--scratch", file, outside, "7"}, 7, "files are not allowed to this script", "confined"},
		{[]string{"--scratch", file, outside, "1"}, 1, "it ran confined (--allow none), because", "true\ttrue"},
		{[]string{"--scratch", "--trust", file, outside, "1"}, 1, "true\ttrue", "confined"},
		{[]string{"--scratch", "--allow", "fs", file, outside, "0"}, 5, "chmod go-w " + file, "nil\t1"},
		{[]string{file, outside, "0"}, 5, "chmod go-w " + file, "nil\t1"},
	} {
		cmd := command(t, c.args...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.out) || strings.Contains(string(out), c.without) {
			t.Errorf("ctsh %q: exit code %d\n%s", c.args, code, out)
		}
	}
	// Nothing but the trusted run wrote.
	if files, err := filepath.Glob(file + ".*"); err != nil || len(files) != 1 {
		t.Errorf("files %q, %v", files, err)
	}
	// A marker made up by hand does not pass for the scratch that confines.
	cmd := command(t, "--scratch", file, outside, "0")
	cmd.Env = append(cmd.Env, "CTSH_SCRATCH=not:1")
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("%s", out)
	}
}

// Whoever is not root runs what he likes.
func TestOwnershipOfOrdinaryUser(t *testing.T) {
	if !new(options).guarded() {
		t.Skip("needs root, to become an ordinary user")
	}
	file := filepath.Join(t.TempDir(), "s.lua")
	if err := os.WriteFile(file, []byte("print('ran')"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("unshare", "-Ur", "true").Run(); err != nil {
		t.Skipf("needs a user namespace: %v", err)
	}
	cmd := command(t, file)
	cmd.Args, cmd.Path = append([]string{"unshare", "-Ur", "--", "ctsh"}, file), ""
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip(err)
	}
	cmd.Path = path
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "ran\n" {
		t.Errorf("%v %s", err, out)
	}
}
