package scripttest

import (
	"bytes"
	"fmt"
	"os"
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
	netnstest.Main(m)
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
