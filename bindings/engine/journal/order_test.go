package journal

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// Files grow side by side: the order of their journals is that of time.
func TestOrder(t *testing.T) {
	a := at(t)
	b := Open(a.dir)
	var want []string
	for n := range 10 {
		for _, s := range []*Store{a, b} {
			want = slices.Insert(want, 0, one(t, s, n).ID)
			holds(t, b, "", n)
		}
	}
	if got := there(t, a); !slices.Equal(got, want) || len(filesOf(t, a)) != 2 {
		t.Errorf("%q, want %q", got, want)
	}
	for i, id := range want { // an undo in the older file of a change in the newer
		must(t, b.MarkUndone(id, want[19-i]))
		must(t, b.MarkUndone(want[19-i], id)) // a circle: somebody wrote that
		if _, err := b.List(); err != nil {
			t.Error(err)
		}
		must(t, os.Remove(filepath.Join(a.dir, want[19-i]+markSuffix)))
		if e := entry(t, a, id); e.Undone == nil || e.Undone.By != want[19-i] {
			t.Errorf("%+v", e)
		}
		must(t, os.Remove(filepath.Join(a.dir, id+markSuffix)))
	}
}

// forge writes a file of journals that began at times of a boot, beside others.
// The header of one that began before 0 cannot be read.
func forge(t testing.TB, s *Store, file, boot string, beside []string, began ...time.Duration) {
	t.Helper()
	must(t, OS{}.MkdirAll(s.dir))
	f, err := os.OpenFile(filepath.Join(s.dir, file+suffix), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	must(t, err)
	w := record.NewWriter(f, format)
	first, _ := parseID(file)
	for k, at := range began {
		h := Header{ID: formatID(first + uint64(k)), Boot: boot, Started: Moment{Boot: at}, Beside: beside}
		if at < 0 {
			h.ID = "another"
		}
		text, err := json.Marshal(h)
		must(t, err)
		must(t, w.Append(typeHeader, text))
		must(t, w.Append(typeEnd, []byte("{}")))
	}
	must(t, w.Flush())
	must(t, f.Close())
}

// Boots follow each other as their files do, whatever their clocks say.
func TestOrderOfBoots(t *testing.T) {
	s := at(t)
	forge(t, s, "0000000000", "y", nil, 5) // of another machine with the same home
	forge(t, s, "1000000000", "x", nil, 500, 900)
	forge(t, s, "1000010000", "x", []string{"1000000000"}, 600, 700, 800)
	forge(t, s, "1000020000", "y", []string{"1000000000"}, 10)
	forge(t, s, "1000030000", "y", nil, 20, 20)
	must(t, os.WriteFile(filepath.Join(s.dir, "1000015000.journal"), []byte("ctshjrnlX"), 0o600))
	want := []string{"1000030001", "1000030000", "1000020000", "1000015000", "1000000001", "1000010002", "1000010001", "1000010000", "1000000000", "0000000000"}
	if got := there(t, s); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if e := entry(t, s, "1000015000"); !is[*record.FormatError](e.Err) || e.Size != 9 {
		t.Errorf("%+v", e)
	}
	if _, err := s.Read("1000015003"); !is[*record.FormatError](err) {
		t.Error(err)
	}
	if _, err := s.Read("1000040000"); !is[*UnknownError](err) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// What is not known is not taken for older than it may be.
func TestOrderUnknown(t *testing.T) {
	many := make([]string, maxBeside)
	a, b := "1000000000", "1000010000"
	for what, c := range map[string]struct {
		a, b   []time.Duration
		beside []string
		want   []string
	}{
		"beside":         {[]time.Duration{500, 900}, []time.Duration{700}, []string{a}, []string{"1000000001", b, a}},
		"beside many":    {[]time.Duration{500, 900}, []time.Duration{700}, many, []string{"1000000001", b, a}},
		"beside unknown": {[]time.Duration{500, 900}, []time.Duration{-1, 700}, nil, []string{"1000000001", "1000010001", b, a}},
		"alike":          {[]time.Duration{700}, []time.Duration{700}, []string{a}, []string{b, a}},
		"lost":           {[]time.Duration{500, 600, -1, 900}, []time.Duration{550}, []string{a}, []string{"1000000003", "1000000002", "1000000001", b, a}},
		"all lost":       {[]time.Duration{500, 600}, []time.Duration{-1, -1}, []string{a}, []string{"1000010001", b, "1000000001", a}},
	} {
		s := at(t)
		forge(t, s, a, "x", nil, c.a...)
		forge(t, s, b, "x", c.beside, c.b...)
		if got := there(t, s); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// Files that cannot hold the newest journal are not read for it, but for those
// that were still written to when a newer one was made.
func TestOpenedFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	opened := map[string]bool{}
	live := Open(dir)
	id := one(t, live, 0).ID
	for n := range 10 {
		s := Open(dir)
		if got := one(t, s, n); n > 0 {
			r, err := s.Read(got.ID)
			must(t, err)
			if !slices.Equal(r.Header().Beside, []string{id}) || r.Close() != nil {
				t.Errorf("beside %q, want %s", r.Header().Beside, id)
			}
		}
		must(t, s.Close())
	}
	s := Open(dir, On(noting{OS{}, opened}))
	count := func(what string, want int) {
		t.Helper()
		if len(opened) != want {
			t.Errorf("%s: %d files were opened, want %d", what, len(opened), want)
		}
		clear(opened)
	}
	holds(t, s, "", 9)
	count("the newest", 2)
	one(t, live, 77) // in the oldest file
	holds(t, s, "", 77)
	count("the newest", 2)
	if got := there(t, s); len(got) != 12 || got[0][:8] != id[:8] || got[11] != id {
		t.Errorf("%q", got)
	}
	count("all", 11)
	must(t, live.Close())
	holds(t, s, one(t, s, 88).ID, 88)
	clear(opened)
	holds(t, s, "", 88)
	count("the newest once the other is closed", 1)
	holds(t, s, id, 0)
	count("by its ID", 1)
}

// noting notes which journals are opened for reading.
type noting struct {
	FS
	opened map[string]bool
}

func (n noting) OpenDir(path string) (Folder, error) {
	d, err := n.FS.OpenDir(path)
	return notingFolder{d, n.opened}, err
}

type notingFolder struct {
	Folder
	opened map[string]bool
}

func (d notingFolder) Open(name string) (File, error) {
	d.opened[name] = true
	return d.Folder.Open(name)
}
