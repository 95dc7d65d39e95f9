package nft

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrBusy says that the rules changed each time they were looked at.
var ErrBusy = errors.New("the rules of nftables change all the time; try again")

// NameError says that no set can have this name.
type NameError struct {
	Name   string
	Reason string
}

// Error implements error.
func (e *NameError) Error() string { return fmt.Sprintf("bad name of a set %q: %s", e.Name, e.Reason) }

// NotFoundError says that there is no such table or set.
// errors.Is(err, fs.ErrNotExist) holds.
type NotFoundError struct {
	Name    Name
	Nearest string // the name of the set that was perhaps meant, or ""
	Known   int    // how many sets there are
}

// Error implements error.
func (e *NotFoundError) Error() string {
	msg := fmt.Sprintf("no set %q", e.Name)
	switch {
	case e.Nearest != "":
		return msg + "; did you mean " + strconv.Quote(e.Nearest) + "?"
	case e.Known == 0:
		return msg + "; there is no set at all"
	}
	return msg
}

// Is makes the error an fs.ErrNotExist.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// AmbiguousError says that several families have a set of this name.
type AmbiguousError struct {
	Name  Name
	Among []string
}

// Error implements error.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("set %q is there more than once: %s; name the family too", e.Name, quoted(e.Among))
}

// quoted lists words: "a", "b" and "c".
func quoted(words []string) string {
	s := ""
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			s += " and "
		default:
			s += ", "
		}
		s += strconv.Quote(w)
	}
	return s
}

// TypeError says that an element does not fit the type of its set, or that the
// set takes no elements. Nothing was changed.
type TypeError struct {
	Set     string // its name
	Element string // what was given, "" for the set itself
	Reason  string
}

// Error implements error.
func (e *TypeError) Error() string {
	if e.Element == "" {
		return fmt.Sprintf("set %s: %s", e.Set, e.Reason)
	}
	return fmt.Sprintf("element %q of set %s: %s", e.Element, e.Set, e.Reason)
}

// Error is a refusal by the kernel. The kernel gives a number only; Reason and
// Hint are what that number means here. Nothing of the transaction that it is
// about happened; what went out in transactions before it stays.
type Error struct {
	Op      string // "add to"
	Set     string // its name
	Element string // which one was refused, "" where the kernel does not say
	Errno   unix.Errno
	Reason  string
	Hint    string
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Op + " set " + e.Set + ": "
	if e.Element != "" {
		s += e.Element + ": "
	}
	s += e.Reason
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap returns the errno, so that errors.Is(err, unix.EPERM) works.
func (e *Error) Unwrap() error { return e.Errno }

// explained marks the errors that are words for the caller already.
func (*NameError) explained()      {}
func (*NotFoundError) explained()  {}
func (*AmbiguousError) explained() {}
func (*TypeError) explained()      {}
func (*Error) explained()          {}
