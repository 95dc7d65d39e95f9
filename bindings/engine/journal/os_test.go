package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A name that is taken is not written to, and a lock is one also within a
// process.
func TestOS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	must(t, OS{}.MkdirAll(dir))
	must(t, OS{}.MkdirAll(dir))
	d, err := OS{}.OpenDir(dir)
	must(t, err)
	defer d.Close()
	f, err := d.Create("x")
	must(t, err)
	defer f.Close()
	if _, err := d.Create("x"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	other, err := d.Open("x")
	must(t, err)
	defer other.Close()
	for _, c := range []struct{ first, second, want bool }{
		{true, true, false}, {true, false, false}, {false, true, false}, {false, false, true},
	} {
		if ok, err := f.TryLock(c.first); !ok || err != nil {
			t.Fatalf("%+v: %v %v", c, ok, err)
		}
		if ok, err := other.TryLock(c.second); ok != c.want || err != nil {
			t.Errorf("%+v: %v %v", c, ok, err)
		}
		must(t, errors.Join(f.Unlock(), other.Unlock()))
	}
	if _, err := (OS{}).OpenDir(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if free, err := d.Free(); err != nil || free <= 0 {
		t.Error(free, err)
	}
}

// An error names each path once, and says what to do.
func TestErrorWords(t *testing.T) {
	for want, err := range map[string]error{
		"cannot create the journal /j/a.journal: permission denied; nothing more is changed; name a directory that you may write to in XDG_STATE_HOME": &Error{"create", "/j/a.journal", &fs.PathError{Op: "open", Path: "/j/a.journal", Err: os.ErrPermission}},
		"cannot name the journal /j: open /proc/x: file does not exist; nothing more is changed":                                                       &Error{"name", "/j", &fs.PathError{Op: "open", Path: "/proc/x", Err: fs.ErrNotExist}},
		"/j is a symbolic link: a journal must be yours alone; move it away, or name another directory in XDG_STATE_HOME":                              &UnsafeError{"/j", "is a symbolic link"},
		"the journal x is still being written by another process; wait for its end, or stop it, and try again":                                         &BusyError{ID: "x"},
		`"0" is the beginning of 6 journals: 05, 04, 03, 02, 01 ...; write more of it`:                                                                 &AmbiguousError{"0", []string{"05", "04", "03", "02", "01", "00"}},
	} {
		if err.Error() != want {
			t.Errorf("%s, want %s", err, want)
		}
	}
}
