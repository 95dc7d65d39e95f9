package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Replacement is a file that is to take a place. It is written beside it under
// another name until [Replacement.Commit].
type Replacement struct {
	path string
	mode fs.FileMode
	temp temporary // nil once it is in its place or given up
}

// temporary is what a Replacement does with its file, an [os.File].
type temporary interface {
	io.WriteCloser
	Name() string
	Chmod(mode fs.FileMode) error
	Sync() error
}

// Replace begins a file, for its owner alone to read until it has its place and
// its mode. It must be followed by [Replacement.Commit] or [Replacement.Abort].
//
// Errors: an [*fs.PathError]; within it a [*KindError] where something else than
// a regular file is in the place. A symbolic link is something else: somebody
// may have put it there to have another file overwritten.
func Replace(path string, mode fs.FileMode) (*Replacement, error) {
	if err := vacant(path); err != nil {
		return nil, failed("replace", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".ctsh-*")
	if err != nil {
		return nil, failed("create", path, err)
	}
	return &Replacement{path, mode, temp}, nil
}

// vacant tells why a file may not be put into a place.
func vacant(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(path, "/"):
		return &KindError{"a directory that does not exist"}
	case errors.Is(err, fs.ErrNotExist):
		return nil // nor may its directory be there, which is told when it is needed
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return kindError(info.Mode())
	}
	return nil
}

// failed is an error that names the place in the stead of the other name.
func failed(op, path string, err error) error {
	var other *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &other):
		err = other.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// Write implements [io.Writer]. Errors are those of [Replacement.Commit].
func (r *Replacement) Write(p []byte) (n int, err error) {
	if r.temp == nil {
		err = fs.ErrClosed
	} else {
		n, err = r.temp.Write(p)
	}
	if err != nil {
		err = failed("write", r.path, err)
	}
	return n, err
}

// Commit puts the file into its place, once it is on the disk. Where it fails,
// nothing is there that was not before, unless it is the directory that cannot
// be synced. Only once it has returned nil is the file safe.
//
// Errors: an [*fs.PathError].
func (r *Replacement) Commit() error {
	defer r.Abort()
	if err := r.finish(); err != nil {
		return failed("write", r.path, err)
	}
	return nil
}

func (r *Replacement) finish() error {
	if r.temp == nil {
		return fs.ErrClosed
	}
	if err := r.temp.Chmod(r.mode); err != nil {
		return err
	}
	if err := r.temp.Sync(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(r.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := os.Rename(r.temp.Name(), r.path); err != nil {
		return err
	}
	_ = r.temp.Close() // it is on the disk
	r.temp = nil
	return dir.Sync()
}

// Abort gives up what was written so far. After Commit it does nothing.
func (r *Replacement) Abort() {
	if r.temp != nil {
		_, _ = r.temp.Close(), os.Remove(r.temp.Name())
		r.temp = nil
	}
}
