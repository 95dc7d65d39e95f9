package luaerr

import (
	"context"
	"errors"
)

// Code names a kind of error. It is itself an error, so that errors.Is(err,
// luaerr.EGUARD) asks for the kind. Besides the constants below, the name of
// any errno ("EBUSY", "ENOSPC") is a valid code.
type Code string

// Error returns the name of the code.
func (c Code) Error() string { return string(c) }

// The codes of ctsh. Scripts compare them as plain strings: err.code == "EGUARD".
const (
	ESCRIPT   Code = "ESCRIPT"   // raised by the script itself, or by Lua (a nil index, a failed assert)
	EPARSE    Code = "EPARSE"    // text that does not parse: a chunk, a filter, a unit, an address
	EFIELD    Code = "EFIELD"    // an unknown name: field, method, option, global
	ETYPE     Code = "ETYPE"     // a value of the wrong type or out of range
	EPERM     Code = "EPERM"     // the privilege is missing
	ENOTSUP   Code = "ENOTSUP"   // this kernel or this build cannot do it
	EGUARD    Code = "EGUARD"    // a guard refused to act: too many rows, protected flows
	ETIMEDOUT Code = "ETIMEDOUT" // a deadline passed
	ECANCELED Code = "ECANCELED" // interrupted from outside
	ELOSS     Code = "ELOSS"     // events were lost and loss was declared fatal
	EPARTIAL  Code = "EPARTIAL"  // some of many changes failed
	ENOENT    Code = "ENOENT"    // the one thing asked for does not exist
	EEXIST    Code = "EEXIST"    // the thing to be made exists already
	EIO       Code = "EIO"       // reading or writing failed
	EINTERNAL Code = "EINTERNAL" // a defect of ctsh itself: a Go panic in one of its functions
)

// Exit codes of the process.
const (
	ExitOK          = 0   // done, also when nothing matched
	ExitScript      = 1   // the script failed
	ExitUsage       = 2   // wrong usage or syntax
	ExitGuard       = 3   // a guard refused
	ExitLoss        = 4   // loss of events under --strict-loss
	ExitNoPrivilege = 5   // the privilege is missing
	ExitPartial     = 6   // some of many changes failed
	ExitTimeout     = 124 // the deadline of the run passed
	ExitInterrupt   = 130 // interrupted
)

// Exit returns the exit code of the process for the code.
func (c Code) Exit() int {
	switch c {
	case EPARSE, EFIELD, ETYPE:
		return ExitUsage
	case EGUARD:
		return ExitGuard
	case ELOSS:
		return ExitLoss
	case EPERM:
		return ExitNoPrivilege
	case EPARTIAL:
		return ExitPartial
	case ETIMEDOUT:
		return ExitTimeout
	case ECANCELED:
		return ExitInterrupt
	}
	return ExitScript
}

// ExitCode returns the exit code of the process for err: 0 for nil, the number
// given to exit(n) for an [Exit], the code's own for an [Error], and 1 for
// anything that has no better one.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	var exit *Exit
	if errors.As(err, &exit) {
		return exit.Status
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code.Exit()
	}
	var c Code
	switch {
	case errors.As(err, &c):
		return c.Exit()
	case errors.Is(err, context.DeadlineExceeded):
		return ExitTimeout
	case errors.Is(err, context.Canceled):
		return ExitInterrupt
	}
	return ExitScript
}
