package ct

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// Many small changes of one run share a file, of each there is an undo while the
// run goes on, and the file is free when the run has ended.
func TestOneJournalARun(t *testing.T) {
	ns, there := netnstest.New(t), netnstest.New(t)
	dir := filepath.Join(t.TempDir(), "journal")
	other := journal.Open(dir) // as another process
	r := run(t, ns, Options{Journal: dir}, `
		local function made(i)
			return ct.create{proto = "udp", src = "10.0.0.1", sport = i, dst = "192.0.2.1", dport = 53, timeout = "10m", mark = i}:apply()
		end
		for i = 1, 150 do made(i) end
		for i = 1, 50 do
			assert(flows:where{mark = i}:delete():apply().applied == 1)
		end
		assert(flows:count() == 100 and ct.journal():count() == 200)
		for i = 51, 60 do
			local r = flows:where{mark = i}:delete():apply()
			assert(flows:where{mark = i}:count() == 0)
			assert(r:undo():apply().applied == 1)
			assert(flows:where{mark = i}:count() == 1)
			assert(ct.journal():where{undone = true}:count() == i - 50)
		end
		assert(ct.undo():apply().applied == 1) -- of the last deletion that stands
		assert(flows:where{mark = 50}:count() == 1 and flows:count() == 101)
		local there = ct.ns("/proc/self/fd/`+strconv.Itoa(there.FD())+`")
		there.create{proto = "udp", src = "10.0.0.2", sport = 1, dst = "192.0.2.1", dport = 53, timeout = "10m"}:apply()
		assert(#there.flows == 1 and flows:count() == 101)`)
	if r.err != nil || r.failed != 0 {
		t.Fatalf("%v, %d failed\n%s%s", r.err, r.failed, r.stdout, r.stderr)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(names) != 2 { // one of undos
		t.Errorf("%q %v", names, err)
	}
	list, err := other.List()
	if err != nil || len(list) != 150+50+2*10+1+1 {
		t.Errorf("%d journals, %v", len(list), err)
	}
	undone := 0
	for _, e := range list {
		if e.Err != nil || e.Live || e.Outcome == nil || e.Outcome.Applied != 1 {
			t.Errorf("%+v", e)
		}
		if e.Undone != nil {
			undone++
		}
	}
	if undone != 11 {
		t.Errorf("%d are undone", undone)
	}
	for _, name := range names {
		f, err := journal.OS{}.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		file, err := f.Open(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if free, err := file.TryLock(true); err != nil || !free {
			t.Errorf("%s is locked when the run has ended: %v", name, err)
		}
	}

	// A run that changes nothing leaves nothing.
	dir = filepath.Join(t.TempDir(), "journal")
	r = run(t, ns, Options{Journal: dir}, `assert(flows:where{mark = 99999}:delete():apply().applied == 0) assert(ct.journal():count() == 0)`)
	if _, err := os.Stat(dir); r.err != nil || !os.IsNotExist(err) || strings.Contains(r.stderr, "journal") {
		t.Errorf("%v %v %s", r.err, err, r.stderr)
	}
}
