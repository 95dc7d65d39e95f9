package fs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// replace puts a new file in the place of the old one, all or nothing: it is
// written beside it under another name, and renamed once it is on the disk.
func (t *text) replace() error {
	target, old, err := t.resolve()
	if err != nil {
		return err
	}
	dir, err := os.OpenRoot(filepath.Dir(target))
	if err != nil {
		return err
	}
	defer dir.Close()
	held, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer held.Close()
	if old != nil {
		if err := t.trust(int(held.Fd()), old); err != nil {
			return err
		}
	}
	name := ".ctsh-" + strings.ToLower(rand.Text())
	if err := t.prepare(dir, name, old); err != nil {
		_ = dir.Remove(name)
		return err
	}
	if err := dir.Rename(name, filepath.Base(target)); err != nil {
		_ = dir.Remove(name)
		return err
	}
	return flush(int(held.Fd()))
}

// prepare writes the new file under a name that nothing else has.
func (t *text) prepare(dir *os.Root, name string, old *unix.Stat_t) (err error) {
	perm := os.FileMode(0o600) // until owner and mode are right
	if old == nil && !t.own {
		perm = 0o644
	}
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	fd := int(f.Fd())
	mode, set := t.mode, t.own
	if old != nil {
		if !set {
			mode, set = old.Mode&0o7777, true
		}
		if !keepOwner(fd, old) {
			mode &= 0o777 // set-user-id was for the old owner
		}
	}
	if _, err := t.send(fd); err != nil {
		return err
	}
	if set { // behind the text, because writing takes set-user-id away
		if err := unix.Fchmod(fd, mode); err != nil {
			return err
		}
	}
	return flush(fd)
}

// keepOwner gives a file the owner of another, as far as the privilege goes.
func keepOwner(fd int, old *unix.Stat_t) bool {
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err == nil && now.Uid == old.Uid && now.Gid == old.Gid {
		return true
	}
	if unix.Fchown(fd, int(old.Uid), int(old.Gid)) == nil {
		return true
	}
	_ = unix.Fchown(fd, -1, int(old.Gid))
	return false
}

// resolve finds the file that is to be replaced, behind links, and what it is.
// The kernel follows them, so that its protection of links in directories that
// everybody may write to holds.
func (t *text) resolve() (target string, old *unix.Stat_t, err error) {
	fd, err := open(t.path, unix.O_PATH, 0)
	if errors.Is(err, unix.ENOENT) {
		var link unix.Stat_t
		if unix.Lstat(t.path, &link) == nil {
			return "", nil, luaerr.New(luaerr.ENOENT, t.op, "%q is a link to what does not exist", t.path).WithHint("write to what it names, or remove the link")
		}
		if strings.HasSuffix(t.path, "/") {
			return "", nil, unix.EISDIR
		}
		return t.path, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	defer unix.Close(fd)
	old = &unix.Stat_t{}
	if err := unix.Fstat(fd, old); err != nil {
		return "", nil, err
	}
	if old.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", nil, notRegular(t.op, t.path, old.Mode)
	}
	if same(t.path, old) {
		return t.path, old, nil
	}
	target, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return "", nil, err
	}
	if !same(target, old) {
		return "", nil, luaerr.New(luaerr.Code("ESTALE"), t.op, "%q points to what changes place or cannot be reached", t.path)
	}
	return target, old, nil
}

// same tells whether a path is, without following a link at its end, a file.
func same(path string, file *unix.Stat_t) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Dev == file.Dev && st.Ino == file.Ino
}

// trust refuses to write into a file that somebody else may have put where
// everybody may put files, such as /tmp: it would stay theirs to read.
func (t *text) trust(dir int, old *unix.Stat_t) error {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return err
	}
	shared := st.Mode&unix.S_ISVTX != 0 && st.Mode&0o022 != 0
	if shared && old.Uid != st.Uid && int(old.Uid) != os.Geteuid() {
		e := luaerr.New(luaerr.EPERM, t.op, "%q is of user %d, in a directory that others may write to", t.path, old.Uid)
		return e.WithHint("remove it, or write elsewhere")
	}
	return nil
}
