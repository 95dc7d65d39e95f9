package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// Bounds of what is kept, and of what is left to others.
const (
	keepJournals = 20
	keepBytes    = 256 << 20
	reserveBytes = 4 << 20
)

// lockWait is how long a lock is waited for that others hold for moments only.
const lockWait = 5 * time.Second

// Store is a directory of journals. It may be used by several goroutines, and
// by several processes.
type Store struct {
	dir     string
	fs      FS
	keep    int   // journals, that which begins included
	bytes   int64 // of the old ones
	reserve int64
}

// Option changes how a Store works.
type Option func(*Store)

// On keeps the journals on another file system than that of the machine.
func On(fs FS) Option { return func(s *Store) { s.fs = fs } }

// Open is the store in a directory. Nothing is looked at or created yet.
func Open(dir string, opt ...Option) *Store {
	s := &Store{dir: dir, fs: OS{}, keep: keepJournals, bytes: keepBytes, reserve: reserveBytes}
	for _, o := range opt {
		o(s)
	}
	return s
}

// Begin makes a journal with a header for a change that will write about need
// bytes. Where the directory is not there it is made. Old journals that are too
// many are removed: the newest 20, of together at most 256 MiB, stay, and of
// these bounds the newest of all, those being written and those being read are
// free.
//
// Errors: a [*SpaceError], an [*UnsafeError], an [*Error] for all else. Then
// nothing was begun and nothing may be changed.
func (s *Store) Begin(h Header, need int64) (*Writer, error) {
	d, err := s.open(true)
	if err != nil {
		return nil, err
	}
	w, err := s.begin(d, h, need)
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return w, nil
}

func (s *Store) begin(d Folder, h Header, need int64) (*Writer, error) {
	if err := s.lock(d); err != nil {
		return nil, err
	}
	names, err := d.Names()
	if err != nil {
		return nil, &Error{"list", s.dir, err}
	}
	s.prune(d, names, h.Undoes)
	free, err := d.Free()
	if err != nil {
		return nil, &Error{"ask for the free space of", s.dir, err}
	}
	if need = min(max(0, need), 1<<62); free-s.reserve < need {
		return nil, &SpaceError{s.dir, need + s.reserve, free}
	}
	if err := h.fill(idsOf(names)); err != nil {
		return nil, &Error{"name", s.dir, err}
	}
	w, err := s.create(d, &h)
	if err != nil {
		return nil, err
	}
	if err := d.Unlock(); err != nil {
		w.Abort()
		return nil, &Error{"unlock", s.dir, err}
	}
	return w, nil
}

// fill adds what the package knows itself. ids are those of the journals there.
func (h *Header) fill(ids []string) (err error) {
	h.cut()
	h.Version, h.PID, h.Started = int(format.Version), os.Getpid(), Now()
	if h.Boot, err = Here(); err == nil {
		h.ID, err = nextID(h.Started.Wall, ids)
	}
	return err
}

// create makes the file. Its lock is taken while that of the directory is held,
// so that no other process finds it without.
func (s *Store) create(d Folder, h *Header) (*Writer, error) {
	name := h.ID + suffix
	w := &Writer{dir: d, name: name, path: filepath.Join(s.dir, name), header: *h}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, &Error{"name", w.path, err}
	}
	if w.file, err = d.Create(name); err != nil {
		return nil, &Error{"create", w.path, err}
	}
	if err = await(w.file); err == nil {
		w.out = record.NewWriter(w.file, format)
		err = errors.Join(w.out.Append(typeHeader, text), w.out.Flush())
	}
	if err != nil {
		_ = d.Remove(name) // it holds nothing
		_ = w.file.Close()
		return nil, &Error{"begin", w.path, err}
	}
	return w, nil
}

// open opens the directory of the store and sees that it is ours alone. It makes
// one that is missing, or returns fs.ErrNotExist.
func (s *Store) open(create bool) (Folder, error) {
	d, err := s.fs.OpenDir(s.dir)
	if create && errors.Is(err, fs.ErrNotExist) {
		if err := s.fs.MkdirAll(s.dir); err != nil {
			return nil, &Error{"make a directory for", s.dir, err}
		}
		d, err = s.fs.OpenDir(s.dir)
	}
	var unsafe *UnsafeError
	switch {
	case err == nil:
	case errors.As(err, &unsafe), !create && errors.Is(err, fs.ErrNotExist):
		return nil, err
	default:
		return nil, &Error{"open", s.dir, err}
	}
	if err := own(d, s.dir, fs.ModeDir); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// own sees that only this user could have written what is open.
func own(h Handle, path string, want fs.FileMode) error {
	info, err := h.Stat()
	if err != nil {
		return &Error{"look at", path, err}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode().Type() != want:
		return &UnsafeError{path, "is neither a directory nor a regular file"}
	case !ok || int(st.Uid) != os.Geteuid():
		return &UnsafeError{path, "belongs to another user"}
	case info.Mode().Perm()&0o022 != 0:
		return &UnsafeError{path, fmt.Sprintf("can be written by others (mode %04o)", info.Mode().Perm())}
	}
	return nil
}

// lock takes the lock of the directory, under which files come and go.
func (s *Store) lock(d Folder) error {
	if err := await(d); err != nil {
		return &Error{"lock", s.dir, err}
	}
	return nil
}

var errLocked = fmt.Errorf("another process holds a lock on it for more than %v", lockWait)

// await takes an exclusive lock.
func await(h Handle) error {
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		ok, err := h.TryLock(true)
		switch {
		case ok || err != nil:
			return err
		case time.Since(began) > lockWait:
			return errLocked
		}
	}
}
