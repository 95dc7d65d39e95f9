package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
)

// lent is the file of a [Reader]. It is open until it rests, and from then on for
// each read.
type lent struct {
	File  // closed where it rests
	store *Store
	name  string
	info  fs.FileInfo // when it was opened

	mu    sync.Mutex
	rests bool
}

// Rest gives the journal free as Close does, but it can still be read: its file
// is opened for that, as long as it is there. It may be called while another
// goroutine reads.
func (r *Reader) Rest() error { return r.file.Close() }

// ReadAt implements [File].
func (l *lent) ReadAt(p []byte, offset int64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rests {
		return l.File.ReadAt(p, offset)
	}
	f, err := l.again()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(p, offset)
}

// again opens the file that it was.
func (l *lent) again() (File, error) {
	d, err := l.store.open(false)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	f, err := d.Open(l.name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(l.store.dir, l.name)
	info, err := f.Stat()
	if err == nil {
		err = own(f, path, fs.FileMode(0))
	}
	if err == nil && !same(l.info, info) {
		err = &UnsafeError{path, "is another file than before"}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close implements [Handle].
func (l *lent) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rests {
		return nil
	}
	l.rests = true
	return l.File.Close()
}
