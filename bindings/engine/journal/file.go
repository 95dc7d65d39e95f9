package journal

import (
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/ctsh/ctsh/bindings/engine/record"
)

// file is one that is open for writing. One journal at a time is written to it.
type file struct {
	dir   Folder
	file  File // locked as long as it is open
	name  string
	path  string
	first uint64 // ID of its first journal
	out   *record.Writer

	beside []string // IDs of the files that were locked when it was made
	begun  int      // journals
	listed bool     // its directory was synced since it is there
	behind bool     // it was written to since it was synced
	err    error    // why nothing is written any more
}

// create makes a file in the directory d, which is closed with it, and removes
// old ones.
func (s *Store) create(d Folder, undoes string, need int64) (*file, error) {
	f, err := s.createIn(d, undoes, need)
	if err != nil {
		_ = d.Close()
	}
	return f, err
}

// createIn gives the file its name once it is locked, so that nobody takes it for
// that of a dead process. It leaves the directory locked: nobody is earlier in its
// names and later in time.
func (s *Store) createIn(d Folder, undoes string, need int64) (*file, error) {
	if err := s.lock(d); err != nil {
		return nil, err
	}
	names, err := d.Names()
	if err != nil {
		return nil, &Error{"list", s.dir, err}
	}
	ids, live := s.prune(d, names, undoes)
	if err := s.room(d, need); err != nil {
		return nil, err
	}
	first, err := nextFile(Now().Wall, ids)
	if err != nil {
		return nil, &Error{"name", s.dir, err}
	}
	f := &file{dir: d, first: first, name: formatID(first) + suffix, beside: live[:min(len(live), maxBeside)]}
	f.path = filepath.Join(s.dir, f.name)
	begun := formatID(first) + beginSuffix
	if f.file, err = d.Create(begun); err != nil {
		return nil, &Error{"create", f.path, err}
	}
	err = await(f.file)
	if err == nil {
		err = d.Rename(begun, f.name)
	}
	if err != nil {
		_ = d.Remove(begun) // the next file removes it otherwise
		_ = f.file.Close()
		return nil, &Error{"begin", f.path, err}
	}
	f.out = record.NewWriter(f.file, format)
	return f, nil
}

// next is the ID of the journal that is begun next.
func (f *file) next() string { return formatID(f.first + uint64(f.begun)) }

// holds tells whether a journal is in it.
func (f *file) holds(id string) bool {
	n, ok := parseID(id)
	return ok && n >= f.first && n < f.first+uint64(f.begun)
}

// isIn tells whether it is found in d under its name.
func (f *file) isIn(d Folder) bool {
	found, err := d.Open(f.name)
	if err != nil {
		return false
	}
	defer found.Close()
	is, err := found.Stat()
	if err != nil {
		return false
	}
	was, err := f.file.Stat()
	if err != nil {
		return false
	}
	return same(is, was)
}

// same tells whether two names or descriptors are of one file.
func same(x, y fs.FileInfo) bool {
	a, aOK := x.Sys().(*syscall.Stat_t)
	b, bOK := y.Sys().(*syscall.Stat_t)
	return aOK && bOK && a.Dev == b.Dev && a.Ino == b.Ino
}

// write writes what was appended, with error err. After an error that is the
// last word about the file.
func (f *file) write(op string, err error) error {
	if f.err != nil {
		return f.err
	}
	if err == nil {
		err = f.out.Flush()
	}
	f.behind = true
	return f.fail(op, err)
}

// sync brings what was written to the disk. The first time the file itself must
// come to stay in its directory.
func (f *file) sync() error {
	err := f.fail("sync", f.file.Sync())
	if err == nil && !f.listed {
		err = f.fail("sync the directory of", f.dir.Sync())
		f.listed = err == nil
	}
	f.behind = f.behind && err != nil
	return err
}

// fail keeps an error, where there is one, and returns it.
func (f *file) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	f.err = &Error{op, f.path, err}
	return f.err
}

// close gives the descriptors back, and with them the lock. The error is one that
// was not told before.
func (f *file) close() error {
	var err error
	if f.err == nil && f.behind {
		err = f.sync()
	}
	if bad := f.file.Close(); err == nil {
		err = f.fail("close", bad)
	}
	_ = f.dir.Close() // it was only read
	return err
}
