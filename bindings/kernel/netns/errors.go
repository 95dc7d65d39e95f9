package netns

import (
	"fmt"
	"io/fs"
	"strconv"
)

// NotFoundError says that no namespace has this name, path or process.
// errors.Is(err, fs.ErrNotExist) holds.
type NotFoundError struct {
	Spec    string   // what was asked for
	Nearest string   // the name that was perhaps meant, or ""
	Known   []string // every name there is, nil when Spec is no name
}

func (e *NotFoundError) Error() string {
	msg := fmt.Sprintf("no network namespace %q", e.Spec)
	if e.Nearest != "" {
		return msg + "; did you mean " + strconv.Quote(e.Nearest) + "?"
	}
	return msg
}

// Is makes the error an fs.ErrNotExist.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// NameError says that no namespace can have this name.
type NameError struct {
	Name   string
	Reason string // "it contains a slash"
}

func (e *NameError) Error() string {
	return fmt.Sprintf("bad network namespace name %q: %s", e.Name, e.Reason)
}

// NotNamespaceError says that what was opened is no network namespace: a plain
// file (a name left over by a crash or a reboot) or a namespace of another type.
type NotNamespaceError struct {
	Spec string
}

func (e *NotNamespaceError) Error() string {
	return fmt.Sprintf("%q is not a network namespace", e.Spec)
}

// PrivilegeError says which capability is missing for what.
// errors.Is(err, fs.ErrPermission) holds.
type PrivilegeError struct {
	Op   string // what was tried, "make a network namespace"
	Need string // "CAP_SYS_ADMIN"
	Hint string // what would help, or ""
	Err  error  // what the kernel said
}

func (e *PrivilegeError) Error() string {
	msg := fmt.Sprintf("%s: %v: needs %s", e.Op, e.Err, e.Need)
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return msg
}

// Unwrap gives the kernel's error.
func (e *PrivilegeError) Unwrap() error { return e.Err }

// Is makes the error an fs.ErrPermission whatever the kernel said.
func (e *PrivilegeError) Is(target error) bool { return target == fs.ErrPermission }

// DeletedError says that the name of a watched namespace is gone or now means
// another namespace. The namespace itself lives on for as long as something,
// such as our own socket, holds it.
type DeletedError struct {
	Name     string
	Replaced bool // the name exists again and is another namespace
}

func (e *DeletedError) Error() string {
	if e.Replaced {
		return fmt.Sprintf("network namespace %q was replaced by another one", e.Name)
	}
	return fmt.Sprintf("network namespace %q was deleted", e.Name)
}
