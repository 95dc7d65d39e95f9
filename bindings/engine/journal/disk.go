package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OS is the file system of the machine.
type OS struct{}

// MkdirAll implements [FS].
func (OS) MkdirAll(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := (OS{}).MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(parent) // whoever made it may not have come to sync it
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// OpenDir implements [FS].
func (OS) OpenDir(path string) (Folder, error) {
	path = filepath.Clean(path) // a slash at the end follows a link
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		if info, lerr := os.Lstat(path); lerr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, &UnsafeError{path, "is a symbolic link"}
		}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return folder{node{os.NewFile(uintptr(fd), path)}}, nil
}

// node is an open file or directory. The methods of *os.File do what it lacks.
type node struct{ *os.File }

// TryLock implements [Handle].
func (n node) TryLock(exclusive bool) (bool, error) {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	for {
		switch err := unix.Flock(int(n.Fd()), how|unix.LOCK_NB); {
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case errors.Is(err, unix.EINTR):
		default:
			return err == nil, err
		}
	}
}

// Unlock implements [Handle].
func (n node) Unlock() error { return unix.Flock(int(n.Fd()), unix.LOCK_UN) }

// folder is an open directory.
type folder struct{ node }

func (d folder) open(name string, flags int) (File, error) {
	path := filepath.Join(d.Name(), name)
	fd, err := unix.Openat(int(d.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, &UnsafeError{path, "is a symbolic link"}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return node{os.NewFile(uintptr(fd), path)}, nil
}

// Create implements [Folder].
func (d folder) Create(name string) (File, error) {
	return d.open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

// Open implements [Folder].
func (d folder) Open(name string) (File, error) {
	return d.open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
}

// Remove implements [Folder].
func (d folder) Remove(name string) error { return unix.Unlinkat(int(d.Fd()), name, 0) }

// Rename implements [Folder].
func (d folder) Rename(from, to string) error {
	return unix.Renameat(int(d.Fd()), from, int(d.Fd()), to)
}

// Names implements [Folder].
func (d folder) Names() ([]string, error) {
	if _, err := d.Seek(0, 0); err != nil {
		return nil, err
	}
	return d.Readdirnames(-1)
}

// Free implements [Folder].
func (d folder) Free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail * uint64(st.Frsize)), nil
}
