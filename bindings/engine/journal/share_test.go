package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// filesOf are the names of files in a store, oldest first.
func filesOf(t testing.TB, s *Store) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if !isNotExist(err) { // the process may have died before it made one
		must(t, err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == suffix {
			names = append(names, e.Name())
		}
	}
	return names
}

// one is a journal of a batch of one change that tells its number.
func one(t testing.TB, s *Store, number int) Header {
	t.Helper()
	return small(t, s, some("delete"), payloads(number, 1))
}

// holds tests that a journal holds what one wrote.
func holds(t testing.TB, s *Store, id string, number int) {
	t.Helper()
	r, err := s.Read(id)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	defer r.Close()
	_, ended := r.Outcome()
	if got := all(t, r); len(got) != 1 || got[0].text != string(payload(number, 0)) || id != "" && r.Header().ID != id || r.Damage() != nil || !ended {
		t.Fatalf("%s: %d changes, ended %v, %v, want change %d", r.Header().ID, len(got), ended, r.Damage(), number)
	}
}

// Changes of a Store share a file, and each is a journal of its own.
func TestShare(t *testing.T) {
	s := at(t)
	var ids []string // newest first
	for n := range 50 {
		h := one(t, s, n)
		ids = slices.Insert(ids, 0, h.ID)
		holds(t, s, "", n)
		if first, _ := parseID(ids[n]); formatID(first+uint64(n)) != h.ID {
			t.Fatalf("%s is number %d behind %s", h.ID, n, ids[n])
		}
	}
	if got := there(t, s); !slices.Equal(got, ids) {
		t.Errorf("%q, want %q", got, ids)
	}
	if got := filesOf(t, s); !slices.Equal(got, []string{ids[49] + suffix}) {
		t.Errorf("%q", got)
	}
	for range 2 {
		for i, id := range ids {
			holds(t, s, id, 49-i)
		}
		list, err := s.List()
		must(t, err)
		size := int64(0)
		for _, e := range list {
			if size += e.Size; e.Live || e.Err != nil || e.Outcome == nil || e.Outcome.Applied != 1 || e.Counts[Delete] != 1 || e.Header.ID != e.ID || e.Undone != nil {
				t.Fatalf("%+v", e)
			}
		}
		if info, err := os.Stat(filepath.Join(s.dir, filesOf(t, s)[0])); err != nil || info.Size() != size {
			t.Errorf("journals of together %d bytes, %v %v", size, info, err)
		}
		must(t, s.Close()) // and all is as before
	}
	alike := 0 // digits that two of them have in common
	for ids[0][alike] == ids[1][alike] {
		alike++
	}
	if _, err := s.Read(ids[0][:alike]); !is[*AmbiguousError](err) {
		t.Error(err)
	}
	next, _ := parseID(ids[0])
	for _, id := range []string{formatID(next + 1), formatID(next + 2*fileIDs), "0000000000"} {
		if _, err := s.Read(id); !is[*UnknownError](err) || len(s.knownTo(err)) != 50 {
			t.Errorf("%s: %v", id, err)
		}
		if err := s.MarkUndone(id, "x"); !is[*UnknownError](err) {
			t.Errorf("%s: %v", id, err)
		}
	}

	// Marks are of single journals.
	for _, i := range []int{0, 1, 30} {
		must(t, s.MarkUndone(ids[i], "x"))
	}
	holds(t, s, "", 47)
	list, err := s.List()
	must(t, err)
	for i, e := range list {
		if undone := slices.Contains([]int{0, 1, 30}, i); (e.Undone != nil) != undone {
			t.Errorf("%d: %+v", i, e.Undone)
		}
	}
	if h := one(t, s, 50); len(filesOf(t, s)) != 2 || h.ID <= ids[0] {
		t.Error("a file that was closed is written to")
	}
	holds(t, s, "", 50)
}

// knownTo are the IDs that an error knows.
func (s *Store) knownTo(err error) []string {
	var unknown *UnknownError
	if errors.As(err, &unknown) {
		return unknown.Known
	}
	return nil
}

// A file ends when it is long, or holds many journals.
func TestShareBounds(t *testing.T) {
	s := at(t)
	s.most = 3
	for n := range 7 {
		one(t, s, n)
	}
	if got := filesOf(t, s); len(got) != 3 {
		t.Errorf("7 journals, 3 a file, are in %q", got)
	}
	s = at(t)
	s.share = 10_000
	for range 3 {
		small(t, s, some("delete"), [][]byte{make([]byte, 4000)})
	}
	if got := filesOf(t, s); len(got) != 1 { // it was shorter when the last began
		t.Errorf("%q", got)
	}
	one(t, s, 0)
	small(t, s, some("delete"), [][]byte{make([]byte, 1<<20)})
	if got := filesOf(t, s); len(got) != 2 {
		t.Errorf("%q", got)
	}
	one(t, s, 1)
	if got := filesOf(t, s); len(got) != 3 || len(there(t, s)) != 6 {
		t.Errorf("%q", got)
	}
	if s = at(t); s.most != 4096 || s.share != 4<<20 {
		t.Error(s.most, s.share)
	}
}

// Journals that are written at the same time are in different files, which the
// next ones share.
func TestShareAtOnce(t *testing.T) {
	s := at(t)
	for round := range 3 {
		var writers []*Writer
		for n := range 3 {
			w := begin(t, s, some("delete"))
			must(t, w.Intend(Delete, payloads(n, 1)))
			writers = append(writers, w)
		}
		for _, w := range writers {
			must(t, w.End(Outcome{}))
		}
		if got := filesOf(t, s); len(got) != 3 || len(there(t, s)) != 3*(round+1) {
			t.Fatalf("round %d: %q", round, got)
		}
		for n, w := range writers {
			holds(t, s, w.Header().ID, n)
		}
	}
	var many []*Writer
	for range 2 * idleFiles {
		many = append(many, begin(t, s, some("delete")))
	}
	for _, w := range many {
		must(t, w.End(Outcome{}))
	}
	if len(s.idle) != idleFiles {
		t.Errorf("%d files are open", len(s.idle))
	}
	w := begin(t, s, some("delete"))
	must(t, s.Close())
	must(t, w.Intend(Delete, payloads(7, 1)))
	must(t, w.End(Outcome{}))
	holds(t, s, w.Header().ID, 7)
	if one(t, s, 8); len(s.idle) != 0 {
		t.Error("a closed store keeps files open")
	}
	must(t, s.Close())
}

// Many goroutines use one Store, and one looks on.
func TestShareGoroutines(t *testing.T) {
	s := at(t)
	const writers, each = 6, 40
	var group, watch sync.WaitGroup
	done := make(chan struct{})
	watch.Go(func() {
		for {
			list, err := s.List()
			if err != nil {
				t.Error(err)
			}
			for _, e := range list {
				if e.Err != nil || !e.Live && (e.Outcome == nil || e.Counts[Delete] != 1) {
					t.Errorf("%+v", e)
				}
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	ids := make([][]string, writers)
	for i := range writers {
		group.Go(func() {
			for n := range each {
				w, err := s.Begin(some("delete"), 0)
				if err == nil {
					err = errors.Join(w.Intend(Delete, payloads(100*i+n, 1)), w.Settle(nil), w.End(Outcome{}))
				}
				if err != nil {
					t.Error(err)
					return
				}
				ids[i] = append(ids[i], w.Header().ID)
			}
		})
	}
	group.Wait()
	close(done)
	watch.Wait()
	must(t, s.Close())
	for i := range ids {
		for n, id := range ids[i] {
			holds(t, s, id, 100*i+n)
		}
	}
	if got := there(t, s); len(got) != writers*each {
		t.Errorf("%d journals in %d files", len(got), len(filesOf(t, s)))
	}
}

// The undo of a change is not in the file of the change. Two files are enough
// for any number of them.
func TestUndoElsewhere(t *testing.T) {
	s := at(t)
	for n := range 20 {
		did := one(t, s, n)
		h := some("undo")
		h.Undoes = did.ID
		undo := small(t, s, h, payloads(n, 1))
		must(t, s.MarkUndone(did.ID, undo.ID))
		a, _ := parseID(did.ID)
		b, _ := parseID(undo.ID)
		if max(a, b)-min(a, b) < fileIDs/2 {
			t.Fatalf("%s and its undo %s are in one file", did.ID, undo.ID)
		}
		if _, err := s.Read(""); !is[*UnknownError](err) {
			t.Fatalf("round %d: %v", n, err)
		}
	}
	if got := filesOf(t, s); len(got) != 2 || len(there(t, s)) != 40 {
		t.Errorf("%q", got)
	}
}

// What has ended is read and undone while its file is written to; what has not
// is busy.
func TestReadWhileShared(t *testing.T) {
	s := at(t)
	first, second := one(t, s, 0), one(t, s, 1)
	w := begin(t, s, some("delete"))
	for _, s := range []*Store{s, Open(s.dir)} {
		holds(t, s, first.ID, 0)
		holds(t, s, second.ID, 1)
		for _, id := range []string{w.Header().ID, ""} {
			if _, err := s.Read(id); !is[*BusyError](err) || !strings.Contains(err.Error(), w.Header().ID+" is still being written by process "+fmt.Sprint(os.Getpid())) {
				t.Errorf("%q: %v", id, err)
			}
		}
		list, err := s.List()
		if err != nil || len(list) != 3 || !list[0].Live || list[1].Live || list[2].Live || list[0].Err != nil {
			t.Errorf("%+v %v", list, err)
		}
		must(t, s.MarkUndone(second.ID, "x"))
		must(t, w.Intend(Delete, payloads(2, 1)))
	}
	r := read(t, s, first.ID) // and another change goes into the file
	must(t, w.End(Outcome{}))
	one(t, s, 3)
	if got := all(t, r); len(got) != 1 || got[0].text != string(payload(0, 0)) {
		t.Errorf("%v", got)
	}
	if len(filesOf(t, s)) != 1 {
		t.Error("reading ends a file")
	}
	holds(t, s, "", 3)
}

// A journal without an end is the last of its file, and those before it stay.
func TestAbortShared(t *testing.T) {
	s := at(t)
	first := one(t, s, 0)
	empty := begin(t, s, some("delete"))
	empty.Abort()
	holds(t, s, first.ID, 0)
	holds(t, s, "", 0)
	if e := entry(t, s, empty.Header().ID); e.Live || e.Err != nil || e.Outcome != nil || len(e.Counts) != 0 {
		t.Errorf("%+v", e)
	}
	second := one(t, s, 1)
	w := begin(t, s, some("delete"))
	must(t, w.Intend(Delete, payloads(2, 2)))
	w.Abort()
	holds(t, s, second.ID, 1)
	if r := read(t, s, ""); r.Header().ID != w.Header().ID || r.Len() != 2 || r.Damage() != nil {
		t.Errorf("%+v", r.Header())
	}
	third := one(t, s, 3)
	holds(t, s, "", 3)
	if got, want := there(t, s), []string{third.ID, w.Header().ID, second.ID, empty.Header().ID, first.ID}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := filesOf(t, s); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

// Where the file or its directory was removed, the next change makes another.
func TestMovedAway(t *testing.T) {
	for what, move := range map[string]func(s *Store) error{
		"file removed":      func(s *Store) error { return os.Remove(filepath.Join(s.dir, filesOf(t, s)[0])) },
		"file renamed":      func(s *Store) error { return os.Rename(filepath.Join(s.dir, filesOf(t, s)[0]), s.dir+"/x") },
		"directory removed": func(s *Store) error { return os.RemoveAll(s.dir) },
		"directory renamed": func(s *Store) error { return os.Rename(s.dir, s.dir+"x") },
		"directory replaced": func(s *Store) error {
			return errors.Join(os.Rename(s.dir, s.dir+"x"), os.Mkdir(s.dir, 0o700), os.WriteFile(filepath.Join(s.dir, "x"), nil, 0o600))
		},
		"file replaced": func(s *Store) error {
			path := filepath.Join(s.dir, filesOf(t, s)[0])
			return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600))
		},
	} {
		s := at(t)
		one(t, s, 0)
		must(t, move(s))
		h := one(t, s, 1)
		holds(t, s, h.ID, 1)
		holds(t, s, "", 1)
		if one(t, s, 2); !slices.Contains(filesOf(t, s), h.ID+suffix) {
			t.Errorf("%s: %q", what, filesOf(t, s))
		}
		holds(t, s, "", 2)
		must(t, s.Close())
	}
}
