package ct

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/bindings/kernel/sysctl"
	"github.com/ctsh/ctsh/lua/vm"
)

// watched is what is known of a script while it runs.
type watched struct {
	now       *seen
	protected []oracle
	by        map[int]map[wire.Tuple]bool // what each statement did something to
	ever      map[wire.Tuple]bool         // what any did
	tainted   map[wire.Tuple]bool         // of this, what cannot be taken back
	saved     map[wire.Tuple]bool         // in the file
	sysctls   map[string]bool             // that were changed
	expects   bool                        // were changed
	policies  bool                        // were changed
	left      int                         // changes that the breaker allows, -1 for any number
}

// arena is where scripts run: a table that is made anew for each.
type arena struct {
	ns      *netns.NS
	machine bool // the kernel is that of the machine
	sys     *sysctl.Table
	kernel  conntrack.Kernel // of the tester
	fake    *fake.Kernel     // where it is not
	keys    map[string]int64 // the sysctls as they were
	dir     string           // of journals and files
}

func newArena(t *testing.T, machine bool) *arena {
	t.Helper()
	a := &arena{ns: netnstest.New(t), machine: machine, dir: t.TempDir(), keys: map[string]int64{}}
	a.sys = sysctl.Open(a.ns)
	for _, key := range watchedKeys {
		v, err := a.sys.Get(key)
		if err != nil {
			t.Skipf("needs connection tracking: %v", err)
		}
		a.keys[key] = v
	}
	if machine {
		netnstest.Feed(t, a.ns, "table inet labels { chain c { ct label set 1; }; }\n", "nft", "-f", "-")
		a.kernel = conntrack.Open(a.ns)
		t.Cleanup(func() { _ = a.kernel.Close() })
	}
	return a
}

// reset makes the table as it is at the beginning.
func (a *arena) reset(t *testing.T) *seen {
	t.Helper()
	ctx := context.Background()
	if !a.machine {
		a.fake = fake.New(fake.Options{LabelRule: true, Start: time.Now()})
		a.fake.Configure(func(s *fake.Sysctls) { s.Acct, s.Timestamp, s.Events = true, true, 1 })
		a.kernel = a.fake.Client()
	}
	for key, v := range a.keys {
		if now, err := a.sys.Get(key); err != nil || now != v {
			if _, err := a.sys.SetInt(key, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if a.machine {
		if err := a.kernel.Do(ctx, &wire.Flush{All: true}); err != nil {
			t.Fatal(err)
		}
		list, err := a.kernel.Timeouts(ctx)
		for i := range list {
			err = errors.Join(err, a.kernel.Do(ctx, wire.TimeoutDelete{Name: list[i].Name}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range randomTable() {
		if err := a.kernel.Do(ctx, c); err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
		if !a.machine && i%3 == 0 {
			a.fake.Packet(fake.Packet{Tuple: c.Entry.Orig, Bytes: 100})
		}
	}
	return look(t, a.kernel, a.sys)
}

// open makes a VM whose ct leads to the arena.
func (a *arena) open(t *testing.T, opt Options, out *bytes.Buffer) (*vm.VM, *Host) {
	v := vm.New(context.Background(), vm.Options{Stdout: out, Stderr: out, Name: "test"})
	v.Tasks.Lock()
	v.OpenTasks()
	opt.NS, opt.Stdout, opt.Stderr = a.ns, out, out
	h := Open(v, opt)
	if a.fake != nil {
		a.redirect(h)
		other := newHost(v, opt, a.here(), h.run)
		a.redirect(other)
	}
	return v, h
}

// redirect leads a host to the kernel in memory, which is known to filter right.
func (a *arena) redirect(h *Host) {
	h.kernel = &timed{a.fake.Client(), a.fake}
	if h.opt.ReadOnly {
		h.kernel = conntrack.ReadOnly(h.kernel)
	}
	h.space.Kernel = h.kernel
	h.space.Able = func(context.Context, filter.Filter) filter.Ability {
		return filter.Ability{Family: true, Mark: true, Status: true, Zone: true, Tuple: true}
	}
	h.run.open = append(h.run.open, h.kernel)
}

// timed is a kernel in memory whose clock goes with that of the machine, by which
// journals say when something was done.
type timed struct {
	conntrack.Kernel
	fake *fake.Kernel
}

func (k *timed) pass() { k.fake.Advance(max(0, time.Since(k.fake.Now()))) }

func (k *timed) Do(ctx context.Context, req wire.Request) error {
	k.pass()
	return k.Kernel.Do(ctx, req)
}

func (k *timed) Fetch(ctx context.Context, keys []wire.Key, zero bool, fn func(int, *wire.View) error) error {
	k.pass()
	return k.Kernel.Fetch(ctx, keys, zero, fn)
}

func (k *timed) Batch(ctx context.Context, opt conntrack.BatchOptions) (*conntrack.Batch, error) {
	k.pass()
	return k.Kernel.Batch(ctx, opt)
}

// here is the name of the arena for ct.ns.
func (a *arena) here() string { return "/proc/self/fd/" + strconv.Itoa(a.ns.FD()) }

// trial is one script.
type trial struct {
	seed    uint64
	opt     Options
	steps   []*statement
	journal string
	log     strings.Builder // what was done and what came of it
	faults  []string
	deeds   int // statements that changed something
	told    int // mistakes that were told
	exact   int // deletions that were exactly what was asked for
}

func (x *trial) fault(format string, args ...any) {
	x.faults = append(x.faults, fmt.Sprintf(format, args...))
}

// run makes and runs one script and judges every statement of it.
func (a *arena) run(t *testing.T, seed uint64) *trial {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 4))
	x := &trial{seed: seed, journal: filepath.Join(a.dir, fmt.Sprint("journal", seed))}
	defer os.RemoveAll(x.journal)
	g := &gen{r: r, file: filepath.Join(a.dir, fmt.Sprint("flows", seed)), here: a.here()}
	defer os.Remove(g.file)
	x.opt = Options{Journal: x.journal, NoGuard: r.IntN(10) > 0}
	switch r.IntN(6) {
	case 0:
		x.opt.DryRun = true
	case 1:
		x.opt.ReadOnly = true
	case 2:
		x.opt.DryRun = r.IntN(2) == 0
		x.opt.ReadOnly = x.opt.DryRun
	}
	for range 1 + r.IntN(8) {
		x.steps = append(x.steps, g.statement())
	}
	first := a.reset(t)
	goroutines := runtime.NumGoroutine()
	w := &watched{now: first, by: map[int]map[wire.Tuple]bool{}, ever: map[wire.Tuple]bool{}, tainted: map[wire.Tuple]bool{}, saved: map[wire.Tuple]bool{}, sysctls: map[string]bool{}, left: -1}
	source := "r = {}\nlocal function step(i, fn) local ok, err = pcall(fn) done(i, ok, ok and '' or tostring(err)) end\n"
	for i, s := range x.steps {
		source += fmt.Sprintf("step(%d, function() %s end)\n", i+1, s.text)
	}
	var out bytes.Buffer
	v, h := a.open(t, x.opt, &out)
	ran := 0
	v.Set("r", v.L.NewTable())
	v.Set("done", v.L.NewFunction(func(L *lua.LState) int {
		ran++
		i := L.CheckInt(1)
		x.judge(i, w, L.CheckString(3), lua.LVAsBool(L.Get(2)), look(t, a.kernel, a.sys))
		return 0
	}))
	err := v.Run("test", source)
	if err == nil {
		err = v.Wait()
	}
	if err != nil || ran != len(x.steps) {
		x.fault("the script ended after %d of %d statements: %v", ran, len(x.steps), err)
	}
	if v.Panics() > 0 || strings.Contains(out.String(), "internal error") {
		x.fault("a panic:\n%s", out.String())
	}
	v.Tasks.Unlock()
	v.Close()
	if err := h.Close(); err != nil {
		x.fault("close: %v", err)
	}
	if !x.opt.DryRun && !x.opt.ReadOnly {
		a.takeBack(t, x, w, first)
	}
	if a.fake != nil {
		_ = a.kernel.Close()
	}
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			x.fault("%d goroutines, %d before\n%s", runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
			break
		}
	}
	return x
}

// takeBack undoes all that a script did, the last change first: what it has not
// done where that cannot be, is as it was.
func (a *arena) takeBack(t *testing.T, x *trial, w *watched, first *seen) {
	t.Helper()
	list, err := journal.Open(x.journal).List()
	if err != nil {
		x.fault("journals: %v", err)
	}
	if len(list) > 10 { // with as many undos, old ones would go
		return
	}
	var out bytes.Buffer
	v, h := a.open(t, Options{Journal: x.journal, NoGuard: true}, &out)
	for i := range list {
		if err := v.Run("undo", fmt.Sprintf("print(ct.undo(%q):apply())", list[i].ID)); err != nil {
			x.fault("undo of %q (%s %s): %v", list[i].ID, list[i].Header.Op, list[i].Header.Target, err)
		}
	}
	v.Tasks.Unlock()
	v.Close()
	_ = h.Close()
	last := look(t, a.kernel, a.sys)
	for tup, e := range first.flows {
		now, there := last.flows[tup]
		if diff := e.Timeout - now.Timeout + slack; !w.tainted[tup] && (!there || now.Mark != e.Mark || now.Labels != e.Labels || now.Reply != e.Reply || now.State != e.State || now.Helper != e.Helper || diff > 2*slack) {
			x.fault("undone, %s is there %v, as %s\nwas %s\n%s", tup, there, brief(&now), brief(&e), out.String())
		}
	}
	for tup := range last.flows {
		if _, there := first.flows[tup]; !there && !w.tainted[tup] {
			x.fault("undone, %s is there\n%s", tup, out.String())
		}
	}
	for key, v := range first.sysctls {
		if last.sysctls[key] != v {
			x.fault("undone, %s is %d, was %d", key, last.sysctls[key], v)
		}
	}
	if last.policies != first.policies {
		x.fault("undone, policies are %s, were %s", last.policies, first.policies)
	}
}
