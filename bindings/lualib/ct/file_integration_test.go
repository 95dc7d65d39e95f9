package ct

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/archive"
	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
	"github.com/ctsh/ctsh/lua/vm"
)

// TestRestoreOfATornFile cuts a file short between the look at it and its use:
// what is left of it is not restored as if that were all.
func TestRestoreOfATornFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saved.flows")
	v := vm.New(t.Context(), vm.Options{Name: "test"})
	v.Tasks.Lock()
	defer v.Close()
	defer v.Tasks.Unlock()
	h := Open(v, Options{NS: netnstest.New(t)})
	defer h.Close()
	v.Set("cut", v.L.NewFunction(func(*lua.LState) int {
		if err := os.Truncate(path, 1000); err != nil {
			t.Error(err)
		}
		return 0
	}))
	if err := v.Run("test", fmt.Sprintf(`
		local path = %q
		for i = 1, 20 do ct.create{proto = "udp", src = "10.0.0.1", sport = i, dst = "192.0.2.1", dport = 53, timeout = 600}:apply() end
		flows:save(path)
		flows:where("udp"):delete():apply()
		local saved, p = ct.open(path), ct.restore(path)
		cut()
		for _, fn in ipairs{function() return p:apply() end, function() return saved:count() end} do
			local ok, err = pcall(fn)
			assert(not ok and err.code == "EIO" and tostring(err):find("changed since it was opened"), tostring(err))
		end
		assert(flows:count() == 0, flows:count())
		local ok, err = pcall(ct.restore, path)
		assert(not ok and err.code == "EPARTIAL", tostring(err))
		local r = ct.restore(path, {force = true}):apply() -- what is known to be damaged may be asked for
		assert(r.applied > 0 and r.applied < 20, tostring(r))`, path)); err != nil {
		t.Error(err)
	}
}

// TestGoodPart tears a file so that only what stands in it tells.
func TestGoodPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saved.flows")
	w, err := archive.Create(path, archive.Header{})
	if err != nil {
		t.Fatal(err)
	}
	e := &wire.Entry{}
	e.Orig = wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoUDP, Src: wire.Addr{10: 0xff, 11: 0xff, 15: 1}, Dst: wire.Addr{10: 0xff, 11: 0xff, 15: 2}}
	e.Reply, _ = e.Orig.Invert()
	e.Present = wire.HasReply
	for range 10 {
		if err := w.AddEntry(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int64) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[at] ^= 1
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
			t.Fatal(err)
		}
	}
	each := func(f *archive.File) (n int, err error) {
		err = goodPart{f}.Each(func(*wire.Entry) error { n++; return nil })
		return n, err
	}
	f, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	flip(info.Size() - 30)
	var damage *record.DamageError
	if n, err := each(f); !errors.As(err, &damage) || n == 0 || n >= 10 {
		t.Errorf("%d flows of a file that was whole: %v", n, err)
	}
	known, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := each(known); err != nil || n != known.Len() {
		t.Errorf("%d flows of %d before damage that was known: %v", n, known.Len(), err)
	}
	flip(info.Size() / 2)
	if n, err := each(known); !errors.As(err, &damage) || n >= known.Len() {
		t.Errorf("%d flows of %d before more damage: %v", n, known.Len(), err)
	}
}

// TestPlanInAFIFO does not wait for somebody to write.
func TestPlanInAFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{`ct.plan(%q)`, `ct.open(%q)`, `ct.restore(%q)`, `flows:save(%q)`, `flows:export(%q)`, `flows:where("udp"):delete():save(%q)`} {
		r := run(t, netnstest.New(t), Options{}, fmt.Sprintf(call, path))
		if r.err == nil || !strings.Contains(r.err.Error(), "it is a FIFO; name a regular file") {
			t.Errorf("%s: %v", call, r.err)
		}
	}
}

// TestWritesThroughALink writes to a link that somebody else may have put there.
func TestWritesThroughALink(t *testing.T) {
	dir := t.TempDir()
	other, link := filepath.Join(dir, "other"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(other, []byte("theirs"), 0o600), os.Symlink("other", link)); err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{`flows:save(%q)`, `flows:export(%q)`, `flows:where("udp"):delete():save(%q)`} {
		r := run(t, netnstest.New(t), Options{}, fmt.Sprintf(call, link))
		if r.err == nil || !strings.Contains(r.err.Error(), "it is a symbolic link; name a regular file") {
			t.Errorf("%s: %v", call, r.err)
		}
		if text, err := os.ReadFile(other); err != nil || string(text) != "theirs" {
			t.Errorf("%s: it has %q now, %v", call, text, err)
		}
	}
}

// TestDescriptors undoes, opens and restores again and again: none of that keeps
// a file open to the end of the run.
func TestDescriptors(t *testing.T) {
	v := vm.New(t.Context(), vm.Options{Name: "test", Stderr: io.Discard})
	v.Tasks.Lock()
	defer v.Close()
	defer v.Tasks.Unlock()
	h := Open(v, Options{NS: netnstest.New(t), Journal: t.TempDir(), Stderr: io.Discard})
	defer h.Close()
	v.Set("open", v.L.NewFunction(func(L *lua.LState) int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Error(err)
		}
		L.Push(lua.LNumber(len(list)))
		return 1
	}))
	if err := v.Run("test", fmt.Sprintf(`
		local path = %q
		ct.create{proto = "udp", src = "10.0.0.1", sport = 1, dst = "192.0.2.1", dport = 53, timeout = 600}:apply()
		flows:save(path)
		local before, kept = nil, {}
		for i = 1, 60 do
			local r = flows:where("udp"):delete():apply()
			local undo = r:undo()
			assert(undo:apply().applied == 1)
			kept[#kept + 1] = undo
			assert(ct.open(path):count() == 1)
			kept[#kept + 1] = ct.restore(path)
			kept[#kept + 1] = ct.undo(r.id) -- and never applied
			if i == 20 then before = open() end
		end
		assert(open() <= before + 3, open() - before) -- other tests have some meanwhile
		flows:where("udp"):delete():apply()
		assert(kept[1]:apply().applied == 1) -- what rests can be applied
		assert(kept[2]:apply().applied == 0)
		flows:where("udp"):delete():apply()
		assert(kept[3]:apply().applied == 1)`, filepath.Join(t.TempDir(), "saved.flows"))); err != nil {
		t.Error(err)
	}
}
