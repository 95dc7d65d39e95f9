package conntrack

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// The kernel refuses with a number. What the number means depends on the
// operation, and often only on what was asked for; this file knows.

// explain turns the verdict on a request into the error that the caller sees.
func (c *Client) explain(req wire.Request, errno syscall.Errno, extAck string) error {
	op := req.Op()
	switch {
	case errno == syscall.EPERM && !c.mayBeFixed(req):
		return &PrivilegeError{Op: op, Namespace: c.transport.Name(), Err: errno}
	case errno == syscall.EINVAL && extAck == "" && c.noSubsystem(req):
		return notSupported(req, errno)
	}
	return c.refusal(op, req, errno, extAck)
}

// mayBeFixed tells whether EPERM may be about the flow and not about us: then
// it is, if we may read at all.
func (c *Client) mayBeFixed(req wire.Request) bool {
	u, ok := req.(*wire.Update)
	if !ok || u.Timeout == nil {
		return false
	}
	_, err := c.Count(context.Background())
	return err == nil
}

// noSubsystem tells whether EINVAL means that the kernel does not know the
// subsystem at all: a plain listing cannot be invalid.
func (c *Client) noSubsystem(req wire.Request) bool {
	switch r := req.(type) {
	case *wire.Dump:
		return r.Filter.IsZero()
	case wire.Count, wire.StatsDump, wire.TimeoutList:
		return true
	}
	return false
}

func notSupported(req wire.Request, err error) error {
	if _, ok := req.(wire.TimeoutList); ok {
		return &NotSupportedError{"timeout policies",
			"CONFIG_NF_CT_NETLINK_TIMEOUT (module nfnetlink_cttimeout)", err}
	}
	return &NotSupportedError{"connection tracking over netlink",
		"CONFIG_NF_CT_NETLINK (module nf_conntrack_netlink; try: modprobe nf_conntrack_netlink)", err}
}

// refusal is a refused request as an Error with reason and hint. req is nil
// for a delete that was copied from a dump.
func (c *Client) refusal(op string, req wire.Request, errno syscall.Errno, extAck string) *Error {
	e := &Error{Op: op, Errno: errno, ExtAck: extAck}
	if req != nil {
		e.Flow = req.Target()
	}
	switch r := req.(type) {
	case *wire.Create:
		e.Reason, e.Hint = whyCreate(r, errno)
	case *wire.Update:
		e.Reason, e.Hint = whyUpdate(r, errno)
	case *wire.Dump, *wire.Flush:
		e.Reason, e.Hint = whyFilter(errno)
	case *wire.ExpectCreate:
		e.Reason, e.Hint = whyExpect(errno)
	}
	if e.Reason == "" {
		e.Reason, e.Hint = whyAny(op, errno)
	}
	return e
}

func whyCreate(r *wire.Create, errno syscall.Errno) (reason, hint string) {
	switch errno {
	case syscall.EEXIST:
		return "a flow with this original or reply tuple exists already", "get it, or update it"
	case syscall.ENOMEM:
		return "no memory for the flow, or the table is full", "compare nf_conntrack_count with nf_conntrack_max"
	case syscall.ENOSPC:
		return "the hash chain for this tuple is too long", "raise nf_conntrack_buckets"
	case syscall.ENOENT:
		if r.Entry.Has(wire.HasMaster) {
			return "the master " + r.Entry.Master.String() + " does not exist in this zone", "create masters first"
		}
	case syscall.EOPNOTSUPP:
		switch {
		case r.Entry.Helper != "":
			return "no helper " + r.Entry.Helper + " is registered for this family and protocol", "load its module, or leave the helper out"
		case r.Upsert && (r.SrcNAT != nil || r.DstNAT != nil):
			return "the translation of a flow that is there cannot be changed", "leave it out, or delete the flow first"
		case r.SrcNAT != nil || r.DstNAT != nil:
			return "this kernel cannot set up NAT here", "load nf_nat"
		}
		return "the kernel does not support this family or protocol", ""
	case syscall.EBUSY:
		return "a status bit cannot be set this way", "EXPECTED and DYING are the kernel's; the master makes a flow expected"
	case syscall.ERANGE:
		return "a value is too long or out of range", ""
	case syscall.EINVAL:
		return "the kernel finds the combination invalid", "both tuples must agree in protocol and family, and the protocol's keys must be complete"
	}
	return "", ""
}

func whyUpdate(r *wire.Update, errno syscall.Errno) (reason, hint string) {
	switch errno {
	case syscall.EPERM:
		return "the flow has FIXED_TIMEOUT, its timeout cannot be changed", "FIXED_TIMEOUT cannot be taken off; delete the flow instead"
	case syscall.EBUSY:
		if r.Status != 0 {
			return "a status bit cannot be changed: bits can only be set, and EXPECTED, CONFIRMED and DYING not at all", "read the flow again, its status may have changed meanwhile"
		}
		return "the helper cannot be exchanged for another", "remove it, or delete the flow"
	case syscall.ENOSPC:
		return "the flow has no room for labels: no rule used labels when it was created", "add a ct label rule first; flows born after it can be labelled"
	case syscall.EOPNOTSUPP:
		if r.DropHelper {
			return "the flow has no helper", ""
		}
		return "NAT, master and a helper that was not there at creation cannot be changed", "delete the flow and create it again"
	}
	return "", ""
}

func whyFilter(errno syscall.Errno) (reason, hint string) {
	switch errno {
	case syscall.EINVAL:
		return "the kernel does not accept this filter", "filter in user space; ctsh doctor shows what this kernel can filter"
	case syscall.EOPNOTSUPP:
		return "the kernel does not know this filter or list", "ctsh doctor shows what this kernel can filter"
	}
	return "", ""
}

func whyExpect(errno syscall.Errno) (reason, hint string) {
	switch errno {
	case syscall.ENOENT:
		return "the master does not exist in this zone", "create or find the master flow first"
	case syscall.EOPNOTSUPP:
		return "the master has no helper", "a flow needs its helper from creation to have expectations"
	case syscall.EEXIST, syscall.EBUSY:
		return "such an expectation exists already", ""
	case syscall.EMFILE:
		return "too many expectations", "compare with nf_conntrack_expect_max"
	case syscall.EINVAL:
		return "tuple, mask, class or function is not acceptable to the helper", "the class must be one of the helper's, and the function registered"
	}
	return "", ""
}

func whyAny(op string, errno syscall.Errno) (reason, hint string) {
	switch errno {
	case syscall.EPERM:
		return "not permitted", "needs CAP_NET_ADMIN in the user namespace that owns the network namespace"
	case syscall.ENOENT:
		return "not there", "zone is part of the key"
	case syscall.EEXIST:
		return "exists already", ""
	case syscall.EBUSY:
		return "in use", ""
	case syscall.EOPNOTSUPP:
		return "not supported by this kernel", "ctsh doctor shows what is missing"
	case syscall.EINVAL:
		return "the kernel does not accept it", ""
	case syscall.ENOMEM:
		return "the kernel has no memory for it", ""
	}
	return errno.Error(), ""
}

// explainIO is about the socket: what send and receive can fail with.
func (c *Client) explainIO(ctx context.Context, req wire.Request, err error) error {
	op := "send batch"
	if req != nil {
		op = req.Op()
	}
	switch {
	case errors.Is(err, ErrClosed):
		return ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &IncompleteError{Op: op, Reason: "the kernel did not answer in " + answerTime.String(), Err: err}
	case errors.Is(err, syscall.ENOBUFS):
		return &IncompleteError{Op: op, Reason: "the kernel had no buffer for the answer", Err: err}
	case errors.Is(err, ErrTruncated):
		return &IncompleteError{Op: op, Reason: "the answer was cut off", Err: err}
	}
	var bad *wire.DecodeError
	if errors.As(err, &bad) {
		return &IncompleteError{Op: op, Reason: "the answer could not be read", Err: err}
	}
	return &OpError{Op: op, Err: err}
}

// explainDial is about opening a socket.
func (c *Client) explainDial(op string, err error) error {
	switch {
	case errors.Is(err, syscall.EPERM):
		return &PrivilegeError{Op: op, Namespace: c.transport.Name(), Err: err}
	case errors.Is(err, syscall.EPROTONOSUPPORT), errors.Is(err, syscall.EAFNOSUPPORT):
		return &NotSupportedError{"netfilter over netlink", "CONFIG_NETFILTER_NETLINK (module nfnetlink)", err}
	}
	return &OpError{Op: op, Err: err}
}
