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
		"notes.txt": "", "zzzzzzzzz.journal": "", "0000000001.undone": "{}", "0000000002.undone.new": "{}",
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
