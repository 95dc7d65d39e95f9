package journal_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/journal/journaltest"
)

// onDisk is a store on a disk that can be given faults.
func onDisk(t *testing.T) (*journal.Store, *journaltest.Disk) {
	t.Helper()
	disk := &journaltest.Disk{}
	return journal.Open(filepath.Join(t.TempDir(), "journal"), journal.On(disk)), disk
}

// change makes a change of one flow, and returns the first error.
func change(s *journal.Store, undoes, payload string) (id string, err error) {
	w, err := s.Begin(journal.Header{Op: "delete", Undoes: undoes}, 0)
	if err != nil {
		return "", err
	}
	err = w.Intend(journal.Delete, [][]byte{[]byte(payload)})
	if err == nil {
		err = w.Settle([]int{})
	}
	if end := w.End(journal.Outcome{Applied: 1}); err == nil {
		err = end
	}
	return w.Header().ID, err
}

// A change of one batch costs one sync, its directory is synced once, and the
// end of the last change with the end of the file.
func TestSyncsOfSmallChanges(t *testing.T) {
	s, disk := onDisk(t)
	synced := func(what string, want ...string) {
		t.Helper()
		if got := disk.Synced(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		disk.Forget()
	}
	good := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := good(change(s, "", "0"))
	file := first + ".journal"
	synced("the first", file, ".")
	for range 100 {
		good(change(s, "", "x"))
		synced("another", file)
	}
	w, err := s.Begin(journal.Header{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		good("", w.Intend(journal.Delete, [][]byte{{1}}))
		synced("a batch", file)
	}
	good("", w.End(journal.Outcome{}))
	synced("the end of many batches", file)
	good("", s.Close())
	synced("closed behind a sync")

	s = journal.Open(filepath.Join(t.TempDir(), "journal"), journal.On(disk))
	first = good(change(s, "", "0"))
	disk.Forget()
	undo := good(change(s, first, "0"))
	synced("the first undo", undo+".journal", ".")
	for range 10 {
		id := good(change(s, "", "1"))
		disk.Forget()
		good(change(s, id, "1"))
		if got := disk.Synced(); len(got) != 1 {
			t.Errorf("another undo: %q", got)
		}
	}
	disk.Forget()
	good("", s.Close())
	if got := disk.Synced(); len(got) != 2 { // two files, each with an end behind its last sync
		t.Errorf("closed: %q", got)
	}
	disk.Forget()
	good("", s.Close())
	synced("closed again")
	id := good(change(s, "", "0"))
	synced("in a closed store", id+".journal", ".", id+".journal")
}

// After a failure nothing more goes into a file: the next change makes another,
// and those before it in the file are there.
func TestPoison(t *testing.T) {
	for what, c := range map[string]struct {
		fault func(*journaltest.Disk)
		begun bool // the journal has an ID
		want  error
	}{
		"header":        {func(d *journaltest.Disk) { d.FillAfter(0) }, false, unix.ENOSPC},
		"half a header": {func(d *journaltest.Disk) { d.FillAfter(70) }, false, unix.ENOSPC},
		"batch":         {func(d *journaltest.Disk) { d.FillAfter(600) }, true, unix.ENOSPC},
		"sync":          {func(d *journaltest.Disk) { d.BreakAfter(0) }, true, unix.EIO},
	} {
		s, disk := onDisk(t)
		first, err := change(s, "", "before")
		if err != nil {
			t.Fatal(err)
		}
		c.fault(disk)
		disk.Forget()
		id, err := change(s, "", strings.Repeat("failed", 100))
		var ours *journal.Error
		if !errors.As(err, &ours) || !errors.Is(err, c.want) || c.begun != (id != "") {
			t.Fatalf("%s: %q %v", what, id, err)
		}
		if got := disk.Synced(); len(got) != 0 {
			t.Errorf("%s: %q were synced behind it", what, got)
		}
		if _, err := change(s, "", "too early"); err == nil || !errors.Is(err, c.want) {
			t.Errorf("%s: the disk has the fault still: %v", what, err)
		}
		disk.Repair()
		disk.Forget()
		next, err := change(s, "", "after")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := disk.Synced(); !slices.Equal(got, []string{next + ".journal", "."}) {
			t.Errorf("%s: then %q were synced", what, got)
		}
		for id, want := range map[string]string{first: "before", next: "after", "": "after"} {
			if got, damaged := kept(t, s, id); !slices.Equal(got, []string{want}) || damaged {
				t.Errorf("%s: %q holds %q, damaged %v", what, id, got, damaged)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := disk.Synced(); len(got) != 3 || got[2] != next+".journal" {
			t.Errorf("%s: in the end %q were synced", what, got)
		}
	}
}

// An end that cannot be written is told, and its change may have happened.
func TestPoisonedEnd(t *testing.T) {
	s, disk := onDisk(t)
	first, err := change(s, "", "before")
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Begin(journal.Header{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Intend(journal.Delete, [][]byte{[]byte("x")}); err != nil {
		t.Fatal(err)
	}
	disk.FillAfter(3)
	var ours *journal.Error
	if err := w.End(journal.Outcome{Applied: 1}); !errors.As(err, &ours) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v", err)
	}
	disk.Repair()
	next, err := change(s, "", "after")
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil || len(list) != 3 || list[0].ID != next || list[0].Err != nil || list[2].ID != first || list[2].Err != nil {
		t.Fatalf("%+v %v", list, err)
	}
	if e := list[1]; e.Live || e.Outcome != nil || e.Err == nil {
		t.Errorf("%+v", e)
	}
	if got, damaged := kept(t, s, list[1].ID); !slices.Equal(got, []string{"x"}) || !damaged {
		t.Errorf("%q, damaged %v", got, damaged)
	}

	// The sync of an end may fail in Close.
	disk.BreakAfter(0)
	if err := s.Close(); !errors.As(err, &ours) || !errors.Is(err, unix.EIO) {
		t.Errorf("close: %v", err)
	}
}

// What does not fit is refused before anything is written, and the file goes on.
func TestSpaceShared(t *testing.T) {
	s, disk := onDisk(t)
	first, err := change(s, "", "0")
	if err != nil {
		t.Fatal(err)
	}
	disk.Claim(5 << 20)
	var space *journal.SpaceError
	if _, err := s.Begin(journal.Header{}, 2<<20); !errors.As(err, &space) {
		t.Errorf("%v", err)
	}
	disk.Repair()
	disk.Forget()
	if _, err := change(s, "", "1"); err != nil || !slices.Equal(disk.Synced(), []string{first + ".journal"}) {
		t.Errorf("%q %v", disk.Synced(), err)
	}
}
