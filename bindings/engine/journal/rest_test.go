package journal

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// TestRest reads a journal whose file is not open any more.
func TestRest(t *testing.T) {
	s := at(t)
	h := written(t, s, some("delete"), 1000, 3)
	r := read(t, s, h.ID)
	want := all(t, r)
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := r.Rest(); err != nil {
			t.Error(err)
		}
	})
	if got := all(t, r); !slices.Equal(got, want) { // meanwhile
		t.Errorf("%d changes of %d", len(got), len(want))
	}
	wait.Wait()
	if got := all(t, r); !slices.Equal(got, want) {
		t.Errorf("%d changes of %d", len(got), len(want))
	}
	must(t, r.Rest())

	// Whatever has come into its place is not read.
	path := filepath.Join(s.dir, h.ID+suffix)
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Rename(path, path+"x"))
	must(t, os.WriteFile(path, text, 0o600))
	if err := r.Each(func(Change) error { return nil }); !is[*UnsafeError](err) {
		t.Errorf("a copy: %v", err)
	}
	must(t, os.Remove(path))
	must(t, os.Symlink(h.ID+suffix+"x", path))
	if err := r.Each(func(Change) error { return nil }); !is[*UnsafeError](err) {
		t.Errorf("a link: %v", err)
	}
	must(t, os.Rename(path+"x", path))
	must(t, os.Chmod(path, 0o666))
	if err := r.Each(func(Change) error { return nil }); !is[*UnsafeError](err) {
		t.Errorf("written by others: %v", err)
	}
	must(t, os.Chmod(path, 0o600))
	if got := all(t, r); !slices.Equal(got, want) {
		t.Errorf("%d changes of %d", len(got), len(want))
	}
}

// TestRestIsFree removes a journal that rests, as it does one that is closed.
func TestRestIsFree(t *testing.T) {
	s := at(t)
	s.keep = 1
	h := written(t, s, some("delete"), 1)
	r := read(t, s, h.ID)
	written(t, s, some("delete"), 1)
	if !slices.Contains(there(t, s), h.ID) {
		t.Fatal("one that is read is gone")
	}
	must(t, r.Rest())
	written(t, s, some("delete"), 1)
	if slices.Contains(there(t, s), h.ID) {
		t.Error("one that rests is kept")
	}
	if err := r.Each(func(Change) error { return nil }); !is[*Error](err) || !isNotExist(err) {
		t.Errorf("it is read, with %v", err)
	}
}

// TestRestHoldsNoDescriptor counts those of many readers.
func TestRestHoldsNoDescriptor(t *testing.T) {
	s := at(t)
	h := written(t, s, some("delete"), 10)
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(list)
	}
	before := count()
	for range 50 {
		r := read(t, s, h.ID)
		must(t, r.Rest())
		all(t, r)
	}
	if now := count(); now > before+5 {
		t.Errorf("%d descriptors for 50 readers", now-before)
	}
}
