package luaerr

import (
	"fmt"
	"strings"
)

// Error is an error of the host or of a script.
type Error struct {
	Code    Code   // kind; empty counts as ESCRIPT
	Op      string // operation, as the script writes it: "flows:where"
	Msg     string // what is wrong, lower case, no full stop
	Hint    string // what to do about it, or empty
	Where   string // script position "file:line", or empty
	Excerpt string // the source line with a marker below it, or empty
	Trace   string // Lua traceback, one frame a line, or empty
	Partial bool   // EPARSE only: the text ended too early, more lines may complete it
	Cause   error  // the Go error behind it, or nil
}

// New returns an error of a kind with a formatted message. A %w in the format
// keeps the wrapped error as the cause.
func New(code Code, op, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Op: op, Msg: err.Error()}
	if u, ok := err.(interface{ Unwrap() error }); ok {
		e.Cause = u.Unwrap()
	}
	return e
}

// WithHint sets the hint and returns e, for use in one expression.
func (e *Error) WithHint(hint string) *Error {
	e.Hint = hint
	return e
}

// Error returns the error as one line: position, operation, message, hint.
// The operation is left out where the message already names it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where)
		b.WriteString(": ")
	}
	if e.Op != "" && !names(e.Msg, e.Op) {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// names tells whether a message names an operation: not only as a part of a
// longer word, as exec is of libexec.
func names(msg, op string) bool {
	for from := 0; ; {
		i := strings.Index(msg[from:], op)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(op)
		if (start == 0 || !letter(msg[start-1])) && (end == len(msg) || !letter(msg[end])) {
			return true
		}
		from = end
	}
}

func letter(c byte) bool { return c == '_' || c == '/' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// Is reports whether target is the code of e, so that errors.Is(err, EGUARD) works.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && (c == e.Code || c == ESCRIPT && e.Code == "")
}

// Unwrap returns the Go error behind e, or nil.
func (e *Error) Unwrap() error { return e.Cause }
