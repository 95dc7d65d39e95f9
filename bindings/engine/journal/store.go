package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Bounds of what is kept, and of what is left to others.
const (
	keepFiles    = 20
	keepBytes    = 256 << 20
	reserveBytes = 4 << 20
)

// shareBytes is how long a file may be for another journal to be begun in it,
// and idleFiles how many wait for one at most.
const (
	shareBytes = 4 << 20
	idleFiles  = 4
)

// lockWait is how long a lock is waited for that others hold for moments only.
const lockWait = 5 * time.Second

// Store is a directory of journals. It may be used by several goroutines, and
// by several processes.
type Store struct {
	dir     string
	fs      FS
	keep    int   // files, that which begins included
	bytes   int64 // of the old ones
	reserve int64
	share   int64 // bytes
	most    int   // journals in a file

	mu     sync.Mutex
	idle   []*file // open, and no journal is being written
	closed bool
}

// Option changes how a Store works.
type Option func(*Store)

// On keeps the journals on another file system than that of the machine.
func On(fs FS) Option { return func(s *Store) { s.fs = fs } }

// Open is the store in a directory. Nothing is looked at or created yet. It must
// be closed where journals are begun.
func Open(dir string, opt ...Option) *Store {
	s := &Store{dir: dir, fs: OS{}, keep: keepFiles, bytes: keepBytes, reserve: reserveBytes, share: shareBytes, most: fileIDs}
	for _, o := range opt {
		o(s)
	}
	return s
}

// Begin makes a journal with a header for a change that will write about need
// bytes. It goes into the file of the one before where that has ended and the
// file holds less than 4 MiB and 4096 journals, else into a new one; and an undo
// into another file than what it takes back, so that none is lost with the other.
// Where the directory is not there it is made. With a new file old ones that are
// too many are removed: the newest 20, of together at most 256 MiB, stay, and of
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
	f, err := s.shared(d, h.Undoes, need)
	if f == nil && err == nil {
		f, err = s.create(d, h.Undoes, need)
	} else {
		_ = d.Close()
	}
	if err != nil {
		return nil, err
	}
	w := &Writer{store: s, file: f, header: h, alone: f.begun == 0}
	err = w.begin()
	if w.alone {
		if bad := f.dir.Unlock(); err == nil {
			err = f.fail("unlock the directory of", bad)
		}
	}
	if err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// shared is an open file of the directory that another journal can be begun in,
// nil where there is none.
func (s *Store) shared(d Folder, undoes string, need int64) (*file, error) {
	f := s.take(undoes)
	if f == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	if !f.isIn(d) { // it was moved away, to where no undo looks
		return nil, f.close()
	}
	if err := s.room(d, need); err != nil {
		_ = s.give(f)
		return nil, err
	}
	return f, nil
}

// take returns the open file that was used last and does not hold what is to be
// undone, nil where there is none.
func (s *Store) take(undoes string) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range slices.Backward(s.idle) {
		if !f.holds(undoes) {
			s.idle = slices.Delete(s.idle, i, i+1)
			return f
		}
	}
	return nil
}

// give keeps a file for the next journal, or closes it.
func (s *Store) give(f *file) error {
	s.mu.Lock()
	keep := f.err == nil && f.out.Size() < s.share && f.begun < s.most && len(s.idle) < idleFiles && !s.closed
	if keep {
		s.idle = append(s.idle, f)
	}
	s.mu.Unlock()
	if keep {
		return nil
	}
	return f.close()
}

// Close ends the files that are open, so that others see that nothing is written
// to them any more. The Store may still be used: each journal then has a file of
// its own, that ends with it, and so has one that is being written.
//
// Errors: an [*Error] for the disk's: it may not have the end of a journal.
func (s *Store) Close() error {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	var errs []error
	for _, f := range idle {
		errs = append(errs, f.close())
	}
	return errors.Join(errs...)
}

// room refuses what would not fit on the disk.
func (s *Store) room(d Folder, need int64) error {
	free, err := d.Free()
	if err != nil {
		return &Error{"ask for the free space of", s.dir, err}
	}
	if need = min(max(0, need), 1<<62); free-s.reserve < need {
		return &SpaceError{s.dir, need + s.reserve, free}
	}
	return nil
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
