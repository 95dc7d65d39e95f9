package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// place is a directory with something of every kind.
func place(t *testing.T) (at func(name string) string) {
	t.Helper()
	dir := t.TempDir()
	at = func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("old"), 0o644), os.Mkdir(at("dir"), 0o700), unix.Mkfifo(at("fifo"), 0o600),
		os.Symlink("file", at("link")), os.Symlink("nowhere", at("dangling")), os.Symlink("fifo", at("link of a fifo")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// names sees that nothing else is there than before and these.
func names(t *testing.T, dir string, more ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 6+len(more) {
		t.Errorf("%v: %v", list, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOpen opens what is no regular file: it must not wait either.
func TestOpen(t *testing.T) {
	at := place(t)
	for _, path := range []string{at("dir"), at("fifo"), at("link of a fifo"), "/dev/null"} {
		var kind *KindError
		if _, _, err := Open(path); !errors.As(err, &kind) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{at("none"), at("dangling"), at("file/x")} {
		var own *fs.PathError
		if _, _, err := Open(path); !errors.As(err, &own) || own.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, name := range []string{"file", "link"} {
		f, info, err := Open(at(name))
		if err != nil || info.Size() != 3 || !info.Mode().IsRegular() {
			t.Fatalf("%s: %v", name, err)
		}
		_ = f.Close()
	}
}

func TestReplace(t *testing.T) {
	at := place(t)
	for name, mode := range map[string]fs.FileMode{"file": 0o640, "new": 0o600} {
		r, err := Replace(at(name), mode)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Write([]byte("whole")); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(at(name)); string(text) == "whole" {
			t.Errorf("%s is there before its end: %v", name, err)
		}
		if err := r.Commit(); err != nil {
			t.Fatal(err)
		}
		r.Abort()
		if info, err := os.Stat(at(name)); err != nil || info.Mode() != mode || read(t, at(name)) != "whole" {
			t.Errorf("%s: %v %v", name, info, err)
		}
		if _, err := r.Write(nil); !errors.Is(err, fs.ErrClosed) || !errors.Is(r.Commit(), fs.ErrClosed) {
			t.Errorf("%s: written to behind its end: %v", name, err)
		}
	}
	names(t, at(""), "new")
}

// TestReplaceOthers replaces nothing but regular files. A link that somebody put
// there leads no write elsewhere, nor is a device of the name replaced.
func TestReplaceOthers(t *testing.T) {
	at := place(t)
	for _, path := range []string{at("dir"), at("fifo"), at("link"), at("dangling"), at("link of a fifo"), at("none") + "/", "/dev/null"} {
		var kind *KindError
		if _, err := Replace(path, 0o600); !errors.As(err, &kind) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Replace(at("none/file"), 0o600); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), at("none/file")) {
		t.Error(err)
	}
	names(t, at(""))
}

// TestLinkMeanwhile puts a link into the place while the file is written.
func TestLinkMeanwhile(t *testing.T) {
	at := place(t)
	r, err := Replace(at("new"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", at("new")); err != nil {
		t.Fatal(err)
	}
	if err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(at("new")); err != nil || !info.Mode().IsRegular() || read(t, at("file")) != "old" {
		t.Errorf("%v %v", info, err)
	}
}

// unsafe is a file that the disk does not promise to keep.
type unsafe struct{ temporary }

func (unsafe) Sync() error { return unix.EIO }

// TestNotSynced leaves what was there where the disk fails.
func TestNotSynced(t *testing.T) {
	at := place(t)
	r, err := Replace(at("file"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	r.temp = unsafe{r.temp}
	if err := r.Commit(); !errors.Is(err, unix.EIO) || read(t, at("file")) != "old" {
		t.Error(err)
	}
	names(t, at(""))
}
