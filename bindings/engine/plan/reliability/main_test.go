package reliability

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/plan"
	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/reliability"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// Variables that make the test program play another process.
const (
	roleVar = "PLAN_RELIABILITY_ROLE" // see roles
	dirVar  = "PLAN_RELIABILITY_DIR"  // where it keeps journals, or what it spoils
)

var roles = map[string]func() error{"delete": deleteAll, "undo": undoNewest}

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	fn := roles[role]
	if fn == nil && spoilers[role] != nil {
		fn = runSpoiled
	}
	if fn != nil {
		if err := fn(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	netnstest.Main(m)
}

// scale picks the short or the full size of a load.
func scale[T any](short, full T) T {
	if reliability.Full() {
		return full
	}
	return short
}

// play prepares a role as a process of its own.
func play(role, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role, dirVar+"="+dir)
	return cmd
}

// deleteAll deletes every flow of the namespace.
func deleteAll() error {
	k := conntrack.Open(nil)
	defer k.Close()
	_, err := plan.Delete(flows(k)).Apply(context.Background(), k, plan.Options{Max: math.MaxInt32, Journal: keep(journal.Open(os.Getenv(dirVar)))})
	return err
}

// undoNewest takes the newest journal back.
func undoNewest() error {
	k := conntrack.Open(nil)
	defer k.Close()
	_, err := undo(k, journal.Open(os.Getenv(dirVar)), "", nil)
	return err
}

// undo takes a journal back, and notes that. revert is for changes of other things
// than flows.
func undo(k conntrack.Kernel, store *journal.Store, id string, revert plan.Revert) (*plan.Result, error) {
	r, err := store.Read(id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	res, err := takeBack(k, store, r, revert)
	if err == nil {
		err = store.MarkUndone(r.Header().ID, res.ID)
	}
	return res, err
}

// takeBack takes a journal back.
func takeBack(k conntrack.Kernel, store *journal.Store, r *journal.Reader, revert plan.Revert) (*plan.Result, error) {
	head := r.Header()
	to := &plan.Journal{Store: store, Header: journal.Header{Namespace: head.Namespace, Undoes: head.ID}}
	return plan.Undo(r, revert).Apply(context.Background(), k, plan.Options{Journal: to})
}

// opened is the store in a directory until the test ends.
func opened(t *testing.T, dir string, opt ...journal.Option) *journal.Store {
	t.Helper()
	s := journal.Open(dir, opt...)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// keep is where a plan is taken down.
func keep(store *journal.Store) *plan.Journal {
	return &plan.Journal{Store: store, Header: journal.Header{Namespace: "of a test"}}
}

// changedBy is the flow that a change is about.
func changedBy(t *testing.T, c journal.Change) wire.Tuple {
	t.Helper()
	payload := c.Payload
	if c.Kind == journal.Update {
		parts, err := journal.Unpack(nil, payload)
		must(t, err)
		payload = parts[0]
	}
	var v wire.View
	var e wire.Entry
	must(t, v.Reset(payload))
	v.Entry(&e)
	return e.Orig
}

// flows are all flows of a kernel.
func flows(k conntrack.Kernel) query.Query {
	return query.New(&query.Flows{Spaces: []*query.Space{{Kernel: k}}})
}

// start starts a process in a namespace; ended gets how it ended.
func start(t *testing.T, ns *netns.NS, cmd *exec.Cmd) (ended <-chan error) {
	t.Helper()
	if err := ns.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	return end
}

// kill kills a process, waits for its end and tells whether that was by the
// signal: it may have ended before.
func kill(t *testing.T, cmd *exec.Cmd, ended <-chan error) bool {
	t.Helper()
	_ = cmd.Process.Kill()
	err := <-ended
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return true
		}
	}
	t.Fatalf("the process ended by itself: %v", err)
	return false
}

// within runs what must come to its end.
func within(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		buf := make([]byte, 1<<18)
		t.Fatalf("does not end\n%s", buf[:runtime.Stack(buf, true)])
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
