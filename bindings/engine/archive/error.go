package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"
)

// Error says that a file could not be read or written. Where it was being written,
// a file that was there before is as it was.
type Error struct {
	Op   string // what failed: "save flows to", "read flows from"
	Path string
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	cause := e.Err
	var path *fs.PathError
	if errors.As(cause, &path) { // the path has been said
		cause = path.Err
	}
	s := fmt.Sprintf("cannot %s %s: %v", e.Op, strconv.Quote(e.Path), cause)
	if errors.Is(cause, unix.ENOSPC) || errors.Is(cause, unix.EDQUOT) {
		s += "; free space there, or save elsewhere"
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// ChangedError says that a file was replaced or written to since it was opened.
// Nothing of it was read again.
type ChangedError struct{}

// Error implements error.
func (e *ChangedError) Error() string { return "it has changed since it was opened; open it again" }

// UnknownError says that a file holds no flows, as far as can be seen.
type UnknownError struct{ Reason string }

// Error implements error.
func (e *UnknownError) Error() string {
	return e.Reason + ": neither a file that ctsh saved nor the text of conntrack -L -o save"
}

// FlowError says that a message is no flow that could be kept. The Writer goes on
// without it.
type FlowError struct{ Reason string }

// Error implements error.
func (e *FlowError) Error() string { return "cannot save a flow: " + e.Reason }

// LineError says which line of a text could not be read. Nothing of the file is
// used.
type LineError struct {
	Line   int    // from 1
	Text   string // the line, or its beginning
	Reason string // what is wrong, and what was expected
}

// maxShown is how much of a line an error shows, in bytes.
const maxShown = 400

// Error implements error.
func (e *LineError) Error() string {
	text := e.Text
	if len(text) > maxShown {
		text = text[:maxShown] + "..."
	}
	return fmt.Sprintf("line %d: %s in %s", e.Line, e.Reason, strconv.Quote(text))
}
