package scripttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/cmd/internal/cli"
)

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // what the group can write is not for root
	if os.Getenv(childVar) != "" {
		os.Exit(cli.FromOS().Main(context.Background()))
	}
	netnstest.Main(m)
}

// childVar makes a run of this program one of the command.
const childVar = "SCRIPTTEST_CTSH"

// child is the command in a process of its own.
func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), childVar+"=1", netns.ScratchVar+"=", "GOCOVERDIR="+t.TempDir())
	return cmd
}

// inside runs the command in a process of its own.
func inside(t *testing.T, args ...string) run { t.Helper(); return end(t, child(t, args...)) }

// end runs a process to its end.
func end(t *testing.T, cmd *exec.Cmd) run {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return run{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// run is one run of the command.
type run struct {
	code        int
	out, errors string
}

// ctsh runs the command in a namespace.
func ctsh(t *testing.T, ns *netns.NS, args ...string) run {
	t.Helper()
	var out, errs bytes.Buffer
	p := cli.Program{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: os.Getenv,
		Args: slices.Concat([]string{"--trust", "--netns", fmt.Sprintf("/proc/self/fd/%d", ns.FD())}, args)}
	code := p.Main(t.Context())
	return run{code, out.String(), errs.String()}
}

// want checks how a run ended and what it said, up to a time.
func (r run) want(t *testing.T, code int, out, errs string) {
	t.Helper()
	said, _, _ := strings.Cut(r.out, " in ")
	if r.code != code || strings.TrimSuffix(said, "\n") != out || !strings.Contains(r.errors, errs) || errs == "" && r.errors != "" {
		t.Errorf("code %d, want %d\nsaid %q\nwant %q\nerrors %q\nwant   %q", r.code, code, r.out, out, r.errors, errs)
	}
}

// oneLine checks a refusal: its code, and one line on standard error.
func (r run) oneLine(t *testing.T, code int, text string) {
	t.Helper()
	if r.code != code || r.out != "" || strings.Count(r.errors, "\n") != 1 || !strings.Contains(r.errors, text) {
		t.Errorf("code %d, want %d\nsaid %q\nerrors %q\nwant   one line with %q", r.code, code, r.out, r.errors, text)
	}
}

// script is the path of a script of the folder.
func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../../scripts/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// mixed is a namespace with a table of 179 flows, in which journals are kept
// apart.
func mixed(t *testing.T) *netns.NS {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ns := netnstest.New(t)
	ctsh(t, ns, "../../../bindings/lualib/ct/testdata/mixed179.lua").want(t, 0, "", "")
	if n := len(table(t, ns).flows); n != 179 {
		t.Fatalf("the table holds %d flows, want 179", n)
	}
	return ns
}

// reading is a table as it was read: all flows, by tuple.
type reading struct {
	at    time.Time
	flows map[string]wire.Entry
}

func table(t *testing.T, ns *netns.NS) reading {
	t.Helper()
	k := conntrack.Open(ns)
	defer k.Close()
	r := reading{time.Now(), map[string]wire.Entry{}}
	_, err := k.Dump(t.Context(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		var e wire.Entry
		v.Entry(&e)
		r.flows[fmt.Sprintf("%s zone %d", e.Orig, e.Orig.Zone)] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// unchanged checks that a table has the flows that it had, with what is left of
// their timeouts.
func unchanged(t *testing.T, ns *netns.NS, before reading) {
	t.Helper()
	after := table(t, ns)
	passed := restore.Options{Age: after.at.Sub(before.at)}
	for name, was := range before.flows {
		is, there := after.flows[name]
		if !there {
			t.Errorf("%s is gone", name)
			continue
		}
		if diff := restore.Differs(&was, &is, passed); len(diff) > 0 {
			t.Errorf("%s differs in %v: %s", name, diff, cmp.Diff(was.Flow.Orig, is.Flow.Orig))
		}
	}
	for name := range after.flows {
		if _, there := before.flows[name]; !there {
			t.Errorf("%s is new", name)
		}
	}
}
