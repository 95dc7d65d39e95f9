package conntrack

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Errors that stand for a situation; test with errors.Is.
var (
	// ErrStop ends a dump or a listener from within its callback.
	ErrStop = errors.New("stop")
	// ErrClosed says that the Kernel or listener was closed meanwhile.
	ErrClosed = fmt.Errorf("conntrack: %w", os.ErrClosed)
	// ErrTruncated says that a datagram was larger than the buffer.
	ErrTruncated = errors.New("netlink datagram truncated")
	// ErrNamespaceGone says that the network namespace was deleted.
	ErrNamespaceGone = errors.New("network namespace was deleted")
)

// Error is a refusal by the kernel. The kernel gives a number only; Reason
// and Hint are what that number means for this operation.
type Error struct {
	Op     string     // "delete flow"
	Flow   wire.Tuple // what it was about; zero where nothing
	Errno  syscall.Errno
	ExtAck string // the kernel's own words, rarely there
	Reason string // why the kernel refuses, in words
	Hint   string // what to do about it, "" if there is nothing to say
}

// Error implements error: operation, flow, reason, hint.
func (e *Error) Error() string {
	s := e.Op
	if !e.Flow.IsZero() {
		s += " " + e.Flow.String()
	}
	s += ": " + e.Reason
	if e.ExtAck != "" {
		s += " (kernel: " + e.ExtAck + ")"
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap returns the errno, so that errors.Is(err, syscall.EPERM) works.
func (e *Error) Unwrap() error { return e.Errno }

// OpError is a failure of the socket or of the system around it.
type OpError struct {
	Op  string
	Err error
}

// Error implements error.
func (e *OpError) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// IncompleteError says that an answer is not all of it: data was delivered,
// but rows may be missing or twice.
type IncompleteError struct {
	Op     string
	Reason string
	Flows  int   // delivered before it was noticed
	Err    error // what was seen, may be nil
}

// Error implements error.
func (e *IncompleteError) Error() string {
	s := fmt.Sprintf("%s: incomplete after %d flows: %s", e.Op, e.Flows, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *IncompleteError) Unwrap() error { return e.Err }

// PrivilegeError says which capability is missing where.
type PrivilegeError struct {
	Op        string
	Namespace string // the network namespace, in words
	Err       error
}

// Error implements error.
func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("%s: needs CAP_NET_ADMIN in the user namespace that owns %s; run as root, or try --scratch", e.Op, e.Namespace)
}

// Unwrap returns the cause, EPERM.
func (e *PrivilegeError) Unwrap() error { return e.Err }

// NotSupportedError says what the kernel lacks.
type NotSupportedError struct {
	Feature string // "conntrack over netlink"
	Needs   string // "CONFIG_NF_CT_NETLINK (module nf_conntrack_netlink)"
	Err     error
}

// Error implements error.
func (e *NotSupportedError) Error() string {
	return e.Feature + " is not supported by this kernel: needs " + e.Needs
}

// Unwrap returns the cause.
func (e *NotSupportedError) Unwrap() error { return e.Err }
