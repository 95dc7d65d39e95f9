package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// failed is what went wrong with a path: `cannot open "x": no such file or
// directory`, and what can be done about that. op is what was called.
func failed(op, doing, path string, err error) error {
	var own *luaerr.Error
	var exit *luaerr.Exit
	if err == nil || errors.As(err, &own) || errors.As(err, &exit) {
		return err
	}
	var file *os.PathError
	var link *os.LinkError
	switch { // what Go puts around an errno would name the path again
	case errors.As(err, &file):
		err = file.Err
	case errors.As(err, &link):
		err = link.Err
	}
	var no syscall.Errno
	errors.As(err, &no)
	err = fmt.Errorf("cannot %s %q: %w", doing, path, err)
	return luaerr.From(op, err).WithHint(hint(op, path, no))
}

// hint says what to do about an errno, "" where that is plain.
func hint(op, path string, no syscall.Errno) string {
	switch no {
	case unix.ENOENT:
		dir := filepath.Dir(path)
		if _, err := os.Stat(dir); err != nil && (op == "fs.write" || op == "fs.lock") {
			return fmt.Sprintf("make the directory first: fs.mkdir(%q)", dir)
		}
		return luaerr.DidYouMean(path, neighbours(dir))
	case unix.EACCES, unix.EPERM:
		return fmt.Sprintf("ctsh runs as user %d%s", os.Geteuid(), ownedBy(path))
	case unix.EISDIR:
		if op != "fs.write" && op != "fs.lock" {
			return "fs.list lists a directory"
		}
	case unix.ENOSPC, unix.EDQUOT:
		return "make room"
	case unix.EROFS:
		return "the file system is mounted read-only"
	case unix.ENOTEMPTY:
		return "remove what is in it first"
	}
	return ""
}

// ownedBy says who may use a path, "" where that is not known.
func ownedBy(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ""
	}
	return fmt.Sprintf(", and it is of user %d with mode %s", st.Uid, modeText(st.Mode))
}

// neighbours are paths that may have been meant, as they would be written.
func neighbours(dir string) []string {
	const most = 1000
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(most)
	for i := range names {
		names[i] = filepath.Join(dir, names[i])
	}
	return names
}

// tooLarge is an error about a bound.
func tooLarge(op, path, format string, args ...any) *luaerr.Error {
	return luaerr.New(luaerr.Code("EFBIG"), op, "%q %s", path, fmt.Sprintf(format, args...))
}

// notRegular is an error about what is no file that could be written.
func notRegular(op, path string, mode uint32) error {
	if mode&unix.S_IFMT == unix.S_IFDIR {
		return failed(op, "write", path, unix.EISDIR)
	}
	return luaerr.New(luaerr.ENOTSUP, op, "%q is a %s, and only regular files are written", path, kindOf(mode))
}
