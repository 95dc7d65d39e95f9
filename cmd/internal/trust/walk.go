package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links are followed, as many as the kernel does.
const maxLinks = 40

// writable are the bits that let others than the owner write.
const writable = 0o022

// walk is a way through the file tree.
type walk struct {
	owner   uint32   // besides root, who may own what is met: root, tests apart
	dir     int      // descriptor of the directory reached
	path    string   // its path
	pending []string // components still to go
	links   int      // links followed
	first   *Error   // the first that was met
}

// open walks to path, which is absolute, and opens the file there.
func open(path string, owner uint32) (*os.File, error) {
	w := &walk{owner: owner, dir: -1}
	defer w.leave()
	if err := w.restart(); err != nil {
		return nil, err
	}
	w.pending = strings.Split(path, "/")
	for {
		name, ok := w.next()
		if !ok {
			return nil, unix.EISDIR
		}
		f, err := w.step(name)
		if err != nil {
			return nil, err
		}
		if f != nil && w.first != nil {
			_ = f.Close()
			return nil, w.first
		}
		if f != nil {
			return f, nil
		}
	}
}

// next takes the next component that leads anywhere.
func (w *walk) next() (name string, ok bool) {
	for len(w.pending) > 0 {
		name, w.pending = w.pending[0], w.pending[1:]
		if name != "" && name != "." {
			return name, true
		}
	}
	return "", false
}

// step goes one component on, and returns the file when it is the last one.
func (w *walk) step(name string) (*os.File, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(w.dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return w.link(name, &st)
	case unix.S_IFDIR:
		return nil, w.down(name)
	}
	if len(w.pending) > 0 {
		return nil, unix.ENOTDIR
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG { // opening a device may do something
		return nil, errNotRegular
	}
	// If it has become something else meanwhile, this does not wait.
	f, err := w.file(name, unix.O_NOFOLLOW|unix.O_NONBLOCK, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.Join(errNotRegular, f.Close())
	}
	if err == nil {
		w.look(filepath.Join(w.path, name), &st)
	}
	return f, err
}

var errNotRegular = errors.New("neither a regular file nor a pipe that is open here")

// file opens a component for reading and asks what it is.
func (w *walk) file(name string, flags int, st *unix.Stat_t) (*os.File, error) {
	fd, err := unix.Openat(w.dir, name, flags|unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Fstat(fd, st); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), filepath.Join(w.path, name)), nil
}

// link follows a symbolic link. What stands behind one in /proc/self/fd may
// have no path ("pipe:[1234]").
func (w *walk) link(name string, st *unix.Stat_t) (*os.File, error) {
	if w.links++; w.links > maxLinks {
		return nil, unix.ELOOP
	}
	w.look(filepath.Join(w.path, name), st)
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(w.dir, name, target)
	if err != nil {
		return nil, err
	}
	to := string(target[:n])
	if strings.HasPrefix(to, "pipe:[") && w.inProc() && len(w.pending) == 0 {
		f, err := w.file(name, 0, st)
		if err == nil && st.Mode&unix.S_IFMT != unix.S_IFIFO {
			return nil, errors.Join(errNotRegular, f.Close())
		}
		return f, err
	}
	w.pending = append(strings.Split(to, "/"), w.pending...)
	if strings.HasPrefix(to, "/") {
		return nil, w.restart()
	}
	return nil, nil
}

// inProc tells whether the directory reached is one of the kernel's own about
// processes.
func (w *walk) inProc() bool {
	var st unix.Statfs_t
	return unix.Fstatfs(w.dir, &st) == nil && st.Type == unix.PROC_SUPER_MAGIC
}

// restart goes to the root directory.
func (w *walk) restart() error {
	w.path = "/"
	return w.enter(unix.AT_FDCWD, "/", "/")
}

// down goes into a directory.
func (w *walk) down(name string) error {
	return w.enter(w.dir, name, filepath.Join(w.path, name))
}

func (w *walk) enter(at int, name, path string) error {
	fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w.leave()
	w.dir, w.path = fd, path
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	w.look(path, &st)
	return nil
}

// leave closes the directory reached.
func (w *walk) leave() {
	if w.dir >= 0 {
		_ = unix.Close(w.dir)
		w.dir = -1
	}
}

// look remembers a component that others can write.
func (w *walk) look(path string, st *unix.Stat_t) {
	e := &Error{Component: path, Owner: st.Uid, Mode: st.Mode & 0o7777}
	shared := e.Mode&writable != 0
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		e.Type = fs.ModeDir
		shared = shared && st.Mode&unix.S_ISVTX == 0
	case unix.S_IFLNK:
		e.Type = fs.ModeSymlink
		shared = false // the mode of a link means nothing
	}
	if w.first == nil && (shared || st.Uid != 0 && st.Uid != w.owner) {
		w.first = e
	}
}
