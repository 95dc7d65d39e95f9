package sysctl

import (
	"fmt"
	"io/fs"
	"strconv"
)

// UnknownKeyError says that no declared key has this name.
type UnknownKeyError struct {
	Name    string
	Nearest string // the name that was perhaps meant, or ""
}

func (e *UnknownKeyError) Error() string {
	msg := fmt.Sprintf("unknown sysctl %q", e.Name)
	if e.Nearest != "" {
		msg += "; did you mean " + strconv.Quote(e.Nearest) + "?"
	}
	return msg
}

// AbsentError says that the kernel or the namespace lacks a declared key.
// errors.Is(err, fs.ErrNotExist) holds.
type AbsentError struct {
	Key    Key
	Reason string // why it may be so
}

func (e *AbsentError) Error() string {
	return fmt.Sprintf("sysctl %s is absent here: %s", e.Key.Name, e.Reason)
}

// Is makes the error an fs.ErrNotExist.
func (e *AbsentError) Is(target error) bool { return target == fs.ErrNotExist }

// ReadOnlyError says that a key cannot be set: by nobody, or not in this
// namespace because it is the whole machine's.
type ReadOnlyError struct {
	Key   Key
	Netns string // the namespace it was tried in
}

func (e *ReadOnlyError) Error() string {
	if e.Key.ReadOnly {
		return fmt.Sprintf("sysctl %s is read-only", e.Key.Name)
	}
	return fmt.Sprintf("sysctl %s is read-only in network namespace %s: it is global and can only be set in the initial network namespace",
		e.Key.Name, e.Netns)
}

// Is makes the error an fs.ErrPermission.
func (e *ReadOnlyError) Is(target error) bool { return target == fs.ErrPermission }

// PrivilegeError says that setting a key needs a capability we lack.
// errors.Is(err, fs.ErrPermission) holds.
type PrivilegeError struct {
	Key  Key
	Need string // "CAP_NET_ADMIN in the user namespace that owns network namespace self"
	Err  error
}

func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("set sysctl %s: %v: needs %s", e.Key.Name, e.Err, e.Need)
}

// Unwrap gives the kernel's error.
func (e *PrivilegeError) Unwrap() error { return e.Err }

// ValueError says that a value does not fit its key.
type ValueError struct {
	Key    Key
	Value  string
	Reason string // "not a number of seconds"
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("bad value %q for sysctl %s: %s", e.Value, e.Key.Name, e.Reason)
}
