package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Error says that the journal cannot be kept. Nothing was or is changed behind
// it: a change that cannot be taken back is not made.
type Error struct {
	Op   string // what failed: "sync"
	Path string
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	var path *fs.PathError
	cause := e.Err
	if errors.As(cause, &path) && strings.HasPrefix(path.Path, e.Path) { // it has been said
		cause = path.Err
	}
	return fmt.Sprintf("cannot %s the journal %s: %v; nothing more is changed%s", e.Op, e.Path, cause, e.advice())
}

// advice is what to do about it.
func (e *Error) advice() string {
	switch {
	case errors.Is(e.Err, unix.ENOSPC), errors.Is(e.Err, unix.EDQUOT):
		return "; free space there, or name a directory with space in XDG_STATE_HOME"
	case errors.Is(e.Err, fs.ErrPermission), errors.Is(e.Err, unix.EROFS), errors.Is(e.Err, unix.ENOTDIR):
		return "; name a directory that you may write to in XDG_STATE_HOME"
	case errors.Is(e.Err, unix.EIO):
		return "; look at the disk, or name a directory on another one in XDG_STATE_HOME"
	}
	return ""
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// SpaceError says that a journal would not fit on its disk. Nothing was changed.
// errors.Is(err, unix.ENOSPC) holds.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes; Need has the reserve in it that is left to others
}

// Error implements error.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("disk full: the journal needs %s, %s are free in %s; nothing was changed; free space there, or name a directory with space in XDG_STATE_HOME",
		mebibytes(e.Need), mebibytes(e.Free), e.Dir)
}

// mebibytes writes a size for people, to a tenth of a MiB.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// Is makes the error an ENOSPC.
func (e *SpaceError) Is(target error) bool { return target == unix.ENOSPC }

// UnsafeError says that somebody else could have written a journal, or sent it
// elsewhere. It was neither read nor written. errors.Is(err, fs.ErrPermission)
// holds.
type UnsafeError struct {
	Path   string
	Reason string // "is a symbolic link"
}

// Error implements error.
func (e *UnsafeError) Error() string {
	return fmt.Sprintf("%s %s: a journal must be yours alone; move it away, or name another directory in XDG_STATE_HOME", e.Path, e.Reason)
}

// Is makes the error an fs.ErrPermission.
func (e *UnsafeError) Is(target error) bool { return target == fs.ErrPermission }

// UnknownError says that there is no such journal, or nothing to undo where ID
// is "".
type UnknownError struct {
	ID    string
	Known []string // IDs of those that there are, newest first
}

// Error implements error.
func (e *UnknownError) Error() string {
	switch {
	case e.ID == "" && len(e.Known) == 0:
		return "nothing to undo: there is no journal"
	case e.ID == "":
		return "nothing to undo: every journal is undone, an undo itself, of another boot or network namespace, empty, damaged from its beginning or still being written"
	case len(e.Known) == 0:
		return fmt.Sprintf("no journal %q: there is none", e.ID)
	}
	hint := suggest.Hint(e.ID, e.Known)
	if hint == "" {
		hint = "; the newest is " + e.Known[0]
	}
	return fmt.Sprintf("no journal %q%s", e.ID, hint)
}

// AmbiguousError says that several journals begin with an ID.
type AmbiguousError struct {
	ID   string
	Like []string // their IDs, newest first
}

// Error implements error.
func (e *AmbiguousError) Error() string {
	list := strings.Join(e.Like[:min(5, len(e.Like))], ", ")
	if len(e.Like) > 5 {
		list += " ..."
	}
	return fmt.Sprintf("%q is the beginning of %d journals: %s; write more of it", e.ID, len(e.Like), list)
}

// BusyError says that a journal is still being written.
type BusyError struct {
	ID  string
	PID int // of the process, 0 where it has not said yet
}

// Error implements error.
func (e *BusyError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("the journal %s is still being written by %s; wait for its end, or stop it, and try again", e.ID, who)
}

// BatchError says that a batch cannot be written as it is. Nothing was written,
// nothing of it may be sent, and the journal goes on.
type BatchError struct {
	Reason string
}

// Error implements error.
func (e *BatchError) Error() string { return "cannot journal this batch: " + e.Reason }
