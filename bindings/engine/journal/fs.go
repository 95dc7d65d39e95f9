package journal

import (
	"io"
	"io/fs"
)

// FS is what a [Store] needs of a file system. [OS] is the real one; package
// journaltest has one with faults.
type FS interface {
	// MkdirAll makes a directory that is not there, and its parents, each with
	// mode 0700, and syncs the directories that got new entries.
	MkdirAll(path string) error
	// OpenDir opens a directory, fs.ErrNotExist where there is none. A symbolic
	// link is an [*UnsafeError].
	OpenDir(path string) (Folder, error)
}

// Handle is what is open: a file or a directory.
type Handle interface {
	Stat() (fs.FileInfo, error) // its Sys is a *syscall.Stat_t
	// Sync returns once what was written, or which files there are, outlives a
	// loss of power.
	Sync() error
	// TryLock takes a lock that ends with Unlock, Close or the process. It is
	// false where somebody else, also in this process, holds one that does not
	// go with it.
	TryLock(exclusive bool) (bool, error)
	Unlock() error
	Close() error
}

// Folder is an open directory. Its methods act on that directory, whatever its
// path has come to mean since.
type Folder interface {
	Handle
	// Create makes a file for writing, fs.ErrExist where the name is taken, with
	// mode 0600.
	Create(name string) (File, error)
	// Open opens a file for reading, and never waits for one that is a pipe. A
	// symbolic link is an [*UnsafeError].
	Open(name string) (File, error)
	Remove(name string) error
	Rename(from, to string) error // replaces what is there
	Names() ([]string, error)     // in any order
	Free() (int64, error)         // bytes that an ordinary user may still write
}

// File is an open file.
type File interface {
	Handle
	io.Writer
	io.ReaderAt
}
