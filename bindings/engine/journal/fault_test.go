package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/journal/journaltest"
)

// run makes a change of three batches through a journal, as a plan does it:
// sent is what was allowed to reach the kernel. It goes on after errors, to see
// that they last, and repairs the disk at the first one.
func run(t *testing.T, s *journal.Store, disk *journaltest.Disk) (id string, sent []string, failed error) {
	t.Helper()
	w, err := s.Begin(journal.Header{Op: "delete"}, 0)
	if err != nil {
		return "", nil, err
	}
	check := func(call string, err error) bool {
		t.Helper()
		switch {
		case failed != nil && err == nil:
			t.Fatalf("%s succeeds after %v", call, failed)
		case failed != nil && err.Error() != failed.Error():
			t.Fatalf("%s says %v after %v", call, err, failed)
		case err != nil:
			failed = err
			disk.Repair()
		}
		return err == nil
	}
	for number := range 3 {
		var batch [][]byte
		for i := range 4 {
			batch = append(batch, fmt.Appendf(nil, "change %d/%d %s", number, i, strings.Repeat("x", 17*i)))
		}
		if check("intend", w.Intend(journal.Delete, batch)) {
			for _, p := range batch {
				sent = append(sent, string(p))
			}
			check("settle", w.Settle([]int{}))
		}
	}
	check("end", w.End(journal.Outcome{Applied: len(sent)}))
	return w.Header().ID, sent, failed
}

// kept are the changes that a journal gives.
func kept(t *testing.T, s *journal.Store, id string) (list []string, damaged bool) {
	t.Helper()
	r, err := s.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Each(func(c journal.Change) error {
		list = append(list, string(c.Payload))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list, r.Damage() != nil
}

// On a disk that fills up at any byte nothing is allowed to be sent that is not
// in the journal, and nothing at all after the first failure.
func TestDiskFull(t *testing.T) {
	ends := map[int]int{}
	for room := int64(0); ; room++ {
		disk := &journaltest.Disk{}
		s := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.On(disk))
		disk.FillAfter(room)
		id, sent, err := run(t, s, disk)
		if err == nil {
			if got, damaged := kept(t, s, id); len(sent) != 12 || !slices.Equal(got, sent) || damaged {
				t.Fatalf("with %d bytes of room: %d of %d changes, damaged %v", room, len(got), len(sent), damaged)
			}
			break
		}
		var ours *journal.Error
		if !errors.As(err, &ours) || !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "nothing more is changed; free space there") {
			t.Fatalf("%d bytes of room: %v", room, err)
		}
		ends[len(sent)]++
		if id == "" { // not even begun
			if list, err := s.List(); err != nil || len(list) != 0 {
				t.Fatalf("%d bytes of room: %v %v", room, list, err)
			}
			continue
		}
		got, _ := kept(t, s, id)
		if len(got) < len(sent) || !slices.Equal(got[:len(sent)], sent) || len(got) > len(sent)+4 {
			t.Fatalf("%d bytes of room: %d changes were sent, %d are in the journal", room, len(sent), len(got))
		}
	}
	for _, n := range []int{0, 4, 8, 12} {
		if ends[n] == 0 {
			t.Errorf("no disk was full after %d changes: %v", n, ends)
		}
	}
	if len(ends) != 4 {
		t.Errorf("disks were full after %v changes", ends)
	}
}

// After a sync that failed nothing is sent, though the next one would succeed.
func TestSyncFails(t *testing.T) {
	for n, want := range []int{0, 0, 4, 8, 12, 12} {
		disk := &journaltest.Disk{}
		s := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.On(disk))
		disk.BreakAfter(n)
		id, sent, err := run(t, s, disk)
		if len(sent) != want {
			t.Errorf("after %d syncs %d changes were sent, want %d", n, len(sent), want)
		}
		if got, _ := kept(t, s, id); len(got) < len(sent) || !slices.Equal(got[:len(sent)], sent) {
			t.Errorf("after %d syncs: %d of %d", n, len(got), len(sent))
		}
		var ours *journal.Error
		if n < 5 && (!errors.As(err, &ours) || !errors.Is(err, unix.EIO)) || n == 5 && err != nil {
			t.Errorf("after %d syncs: %v", n, err)
		}
	}
}

// The file is synced, and once its directory, before the first batch is allowed,
// and the file before each other one.
func TestSyncs(t *testing.T) {
	disk := &journaltest.Disk{}
	s := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.On(disk))
	w, err := s.Begin(journal.Header{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := w.Header().ID + ".journal"
	for i, want := range [][]string{{file, "."}, {file}, {file}} {
		before := len(disk.Synced())
		if err := w.Intend(journal.Delete, [][]byte{{1}}); err != nil {
			t.Fatal(err)
		}
		if got := disk.Synced()[before:]; !slices.Equal(got, want) {
			t.Errorf("batch %d: %q, want %q", i, got, want)
		}
		before = len(disk.Synced())
		if err := w.Settle(nil); err != nil || len(disk.Synced()) != before {
			t.Errorf("settle: %q %v", disk.Synced()[before:], err)
		}
	}
	before := len(disk.Synced())
	if err := w.End(journal.Outcome{}); err != nil || !slices.Equal(disk.Synced()[before:], []string{file}) {
		t.Errorf("end: %q %v", disk.Synced()[before:], err)
	}
	before = len(disk.Synced())
	if err := s.MarkUndone(w.Header().ID, "x"); err != nil || !slices.Equal(disk.Synced()[before:], []string{w.Header().ID + ".undone.new", "."}) {
		t.Errorf("mark: %q %v", disk.Synced()[before:], err)
	}
}

// Whether it fits is asked before anything is written.
func TestSpace(t *testing.T) {
	disk := &journaltest.Disk{}
	s := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.On(disk))
	disk.Claim(40<<20 + 5)
	_, err := s.Begin(journal.Header{}, 36<<20+6)
	var space *journal.SpaceError
	if !errors.As(err, &space) || !errors.Is(err, unix.ENOSPC) || space.Free != 40<<20+5 || space.Need != 40<<20+6 ||
		!strings.Contains(err.Error(), "disk full: the journal needs 40.0 MiB, 40.0 MiB are free in ") {
		t.Errorf("%v", err)
	}
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	for _, need := range []int64{36<<20 + 5, 0, -1} {
		w, err := s.Begin(journal.Header{}, need)
		if err != nil {
			t.Fatal(err)
		}
		w.Abort()
	}
	if _, err := s.Begin(journal.Header{}, 1<<63-1); !errors.As(err, &space) || space.Need < 0 {
		t.Errorf("%v", err)
	}
}

// A mark is there whole or not at all, wherever writing it fails.
func TestMarkFails(t *testing.T) {
	for _, fault := range []func(*journaltest.Disk){
		func(d *journaltest.Disk) { d.FillAfter(0) }, func(d *journaltest.Disk) { d.FillAfter(20) },
		func(d *journaltest.Disk) { d.BreakAfter(0) }, func(d *journaltest.Disk) {},
	} {
		disk := &journaltest.Disk{}
		dir := filepath.Join(t.TempDir(), "journal")
		s := journal.Open(dir, journal.On(disk))
		id, _, err := run(t, s, disk)
		if err != nil {
			t.Fatal(err)
		}
		// One that a process left behind when it died is in nobody's way.
		if err := os.WriteFile(filepath.Join(dir, id+".undone.new"), []byte(`{"by":`), 0o600); err != nil {
			t.Fatal(err)
		}
		fault(disk)
		err = s.MarkUndone(id, "x")
		list, lerr := s.List()
		if lerr != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, lerr)
		}
		var ours *journal.Error
		switch undone := list[0].Undone; {
		case err == nil:
			if undone == nil || undone.By != "x" {
				t.Errorf("marked, and is %+v", undone)
			}
		case !errors.As(err, &ours) || undone != nil:
			t.Errorf("%v, and is %+v", err, undone)
		}
	}
}

// What others could have written or lead elsewhere is neither read nor written.
func TestUnsafe(t *testing.T) {
	refused := func(what string, err error) {
		t.Helper()
		var unsafe *journal.UnsafeError
		if !errors.As(err, &unsafe) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	for what, spoil := range map[string]func(path string) error{
		"link":           func(path string) error { return os.Symlink(t.TempDir(), path) },
		"link nowhere":   func(path string) error { return os.Symlink("nowhere", path) },
		"group writable": func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o770)) },
		"all writable":   func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o702)) },
		"another's": func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, os.Geteuid()+1, -1))
		},
	} {
		path := filepath.Join(dir, what)
		if err := spoil(path); err != nil {
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EINVAL) {
				continue // only root gives away
			}
			t.Fatal(err)
		}
		s := journal.Open(path + "/")
		_, err := s.Begin(journal.Header{}, 0)
		refused(what+" begin", err)
		_, err = s.List()
		refused(what+" list", err)
		_, err = s.Read("")
		refused(what+" read", err)
		refused(what+" mark", s.MarkUndone("0", "x"))
		if entries, _ := os.ReadDir(path); len(entries) != 0 {
			t.Errorf("%s: %v", what, entries)
		}
	}

	s := journal.Open(filepath.Join(dir, "journal"))
	id, _, err := run(t, s, &journaltest.Disk{})
	must(err)
	path := filepath.Join(dir, "journal", id+".journal")
	for what, spoil := range map[string]func() error{
		"group writable file": func() error { return os.Chmod(path, 0o620) },
		"link of a file":      func() error { return errors.Join(os.Rename(path, path+"x"), os.Symlink(path+"x", path)) },
		"pipe":                func() error { return unix.Mkfifo(path, 0o600) },
		"directory":           func() error { return os.Mkdir(path, 0o700) },
	} {
		must(os.RemoveAll(path))
		must(os.WriteFile(path, nil, 0o600))
		if what == "pipe" || what == "directory" {
			must(os.Remove(path))
		}
		must(spoil())
		_, err := s.Read(id)
		refused(what, err)
		list, err := s.List()
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v %v", what, list, err)
		}
		refused(what+" in the list", list[0].Err)
		w, err := s.Begin(journal.Header{}, 0) // in nobody's way
		must(err)
		w.Abort()
	}
	_, err = journal.Open("/dev/null/journal").Begin(journal.Header{}, 0)
	var ours *journal.Error
	if !errors.As(err, &ours) || !strings.Contains(err.Error(), "nothing more is changed; name a directory that you may write to in XDG_STATE_HOME") {
		t.Error(err)
	}
}
