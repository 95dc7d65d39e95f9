package journal

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// there are the IDs in the store, newest first.
func there(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	list, err := s.List()
	must(t, err)
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestKeepCount(t *testing.T) {
	s := at(t)
	var ids []string // newest first
	for range 27 {
		ids = slices.Insert(ids, 0, written(t, s, some("delete"), 1).ID)
		if got := there(t, s); !slices.Equal(got, ids[:min(20, len(ids))]) {
			t.Fatalf("after %d: %d journals", len(ids), len(got))
		}
	}
}

func TestKeepBytes(t *testing.T) {
	s := at(t)
	size := func(n int) Header { // about n KiB
		w := begin(t, s, some("delete"))
		must(t, w.Intend(Delete, [][]byte{make([]byte, n<<10)}))
		must(t, w.End(Outcome{}))
		return w.Header()
	}
	must(t, s.Close()) // a file for each
	s.bytes = 100 << 10
	a, b, c := size(20), size(50), size(25)
	if got := there(t, s); !slices.Equal(got, []string{c.ID, b.ID, a.ID}) {
		t.Fatalf("%d of 3 fit", len(got))
	}
	d := size(500) // began when all still fitted
	if got := there(t, s); !slices.Equal(got, []string{d.ID, c.ID, b.ID, a.ID}) {
		t.Fatalf("%d of 4", len(got))
	}
	e := size(1) // the newest stays, however large
	if got := there(t, s); !slices.Equal(got, []string{e.ID, d.ID}) {
		t.Fatalf("%d are left", len(got))
	}
}

// Who writes a journal or reads it keeps it; what is no journal is not touched.
func TestKeepInUse(t *testing.T) {
	s := at(t)
	undoes := written(t, s, some("delete"), 1)
	readNow := written(t, s, some("delete"), 1)
	live := begin(t, s, some("delete"))
	defer live.Abort()
	marked := written(t, s, some("delete"), 1)
	must(t, s.MarkUndone(marked.ID, "x"))
	for name, text := range map[string]string{
		"notes.txt": "", "zzzzzzzzz.journal": "", "0000000001.undone": "{}", "0000000002.undone.new": "{}", "0000000004.journal.new": "",
		readNow.ID + ".undone.new": "{", // of a process that died
	} {
		must(t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
	}
	must(t, os.Symlink("/etc/passwd", filepath.Join(s.dir, "0000000003.journal")))
	r := read(t, s, readNow.ID)
	s.keep = 2
	h := some("undo")
	h.Undoes = undoes.ID
	newest := written(t, s, h, 1)
	last := begin(t, s, h)
	defer last.Abort()
	ids := there(t, s)
	if want := []string{last.Header().ID, newest.ID, live.Header().ID, readNow.ID, undoes.ID, "0000000003"}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
	names, err := os.ReadDir(s.dir)
	must(t, err)
	if len(names) != len(ids)+2 {
		t.Errorf("%v", names)
	}
	if got := all(t, r); len(got) != 1 {
		t.Errorf("%d changes", len(got))
	}
	must(t, r.Close())
	live.Abort()
	last.Abort()
	written(t, s, some("delete"), 1)
	if got := there(t, s); slices.Contains(got, readNow.ID) || slices.Contains(got, undoes.ID) || len(got) != 3 {
		t.Errorf("once nobody holds them %q stay", got)
	}
}

// Files are counted, not journals. With a file its marks go, and an undo keeps
// the one that it takes back.
func TestKeepShared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	var files [][]string // IDs
	for n := range 5 {
		s := Open(dir)
		s.keep = 3
		var ids []string
		for k := range 4 {
			ids = append(ids, one(t, s, 10*n+k).ID)
		}
		must(t, s.MarkUndone(ids[1], "x"))
		must(t, s.MarkUndone(ids[3], "x"))
		files = append(files, ids)
		must(t, s.Close())
	}
	s := Open(dir)
	s.keep = 3
	want := func(what string, journals int, marks ...string) {
		t.Helper()
		if got := there(t, s); len(got) != journals {
			t.Errorf("%s: %d journals, want %d", what, len(got), journals)
		}
		entries, err := os.ReadDir(dir)
		must(t, err)
		var got []string
		for _, e := range entries {
			if id, kind, ok := split(e.Name()); ok && kind != suffix {
				got = append(got, id)
			}
		}
		if slices.Sort(marks); !slices.Equal(got, marks) {
			t.Errorf("%s: marks of %q, want %q", what, got, marks)
		}
	}
	want("five files", 12, files[2][1], files[2][3], files[3][1], files[3][3], files[4][1], files[4][3])

	// What is undone is not the first in its file.
	h := some("undo")
	h.Undoes = files[2][2]
	small(t, s, h, payloads(0, 1))
	holds(t, s, files[2][2], 22)
	want("an undo", 13, files[2][1], files[2][3], files[3][1], files[3][3], files[4][1], files[4][3])

	// Who reads a journal keeps its file.
	must(t, s.Close())
	r := read(t, s, files[3][3])
	one(t, s, 1)
	want("a reader", 4+4+2, files[3][1], files[3][3], files[4][1], files[4][3])
	must(t, r.Close())

	// So does who may still write to it, whatever of it is read.
	live := Open(dir)
	one(t, live, 2)
	r = read(t, s, "")
	for range 3 {
		one(t, s, 3)
	}
	want("a live file", 1+3)
	if one(t, live, 4); len(filesOf(t, s)) != 4 {
		t.Errorf("%q", filesOf(t, s))
	}
	must(t, live.Close())
	if got := all(t, r); len(got) != 1 || got[0].text != string(payload(2, 0)) {
		t.Errorf("%d changes", len(got))
	}
	must(t, r.Close())
	one(t, s, 5)
	want("once it is closed", 3)
}
