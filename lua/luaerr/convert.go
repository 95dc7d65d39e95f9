package luaerr

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// From returns err as an *Error: err itself when it already is one (or wraps
// one), otherwise a new one that carries err as its cause, with a code taken
// from the context, file and errno errors it wraps. From(nil) is nil.
func From(op string, err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: codeOf(err), Op: op, Msg: err.Error(), Cause: err}
}

// codeOf finds the kind of a foreign error.
func codeOf(err error) Code {
	var code Code
	if errors.As(err, &code) {
		return code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return ECANCELED
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return ETIMEDOUT
	case errors.Is(err, fs.ErrNotExist):
		return ENOENT
	case errors.Is(err, fs.ErrExist):
		return EEXIST
	case errors.Is(err, fs.ErrPermission):
		return EPERM
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		if no == syscall.EOPNOTSUPP {
			return ENOTSUP
		}
		if name := unix.ErrnoName(no); name != "" {
			return Code(name)
		}
	}
	return EIO
}

// Interrupted returns the error for a context that is done: ETIMEDOUT for a
// deadline, ECANCELED otherwise. When the cancelling side gave a cause that is
// an *Exit or an *Error, that cause is returned instead. It is nil while the
// context is live.
func Interrupted(ctx context.Context) error {
	if ctx == nil || ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(ctx)
	var exit *Exit
	var e *Error
	switch {
	case errors.As(cause, &exit):
		return exit
	case errors.As(cause, &e):
		return e
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{Code: ETIMEDOUT, Msg: "the time limit of the run was reached", Cause: cause}
	}
	return &Error{Code: ECANCELED, Msg: "interrupted", Cause: cause}
}
