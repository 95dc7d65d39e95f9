package nft

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// refused turns the kernel's number for a transaction into words. about is
// the element that it named, zero for none.
func (s *Set) refused(ctx context.Context, op string, about Element, err error) error {
	var no refusal
	if !errors.As(err, &no) {
		return err
	}
	e := &Error{Op: op, Set: s.String(), Element: about.String(), Errno: no.errno, Reason: no.errno.Error()}
	t := s.Traits()
	switch no.errno {
	case unix.EPERM:
		if _, err := s.client.generation(ctx); err != nil {
			return &conntrack.PrivilegeError{Op: op + " set " + s.String(), Namespace: s.client.place(), Err: no.errno}
		}
		// nft_table_lookup: a table with the flag owner.
		e.Reason, e.Hint = "its table belongs to another program, which alone may change it", "ask that program, such as firewalld, to make the change"
	case unix.ENFILE, unix.ENOSPC:
		e.Reason = "the set is full"
		if t.Size > 0 {
			e.Reason = fmt.Sprintf("the set is full: its size is %d", t.Size)
		}
		e.Hint = "delete elements, or make the set with a larger size"
	case unix.EBUSY:
		// nf_tables_newsetelem: constant sets are closed once a rule is bound.
		e.Reason = "the set is constant and in use by a rule"
		if !t.Constant {
			e.Reason = "it is in use"
		}
	case unix.EINVAL:
		e.Reason = "the kernel finds that it does not fit the set"
	case unix.ENOMEM:
		e.Reason = "the kernel has no memory for it"
	}
	return e
}

// overlap says what an element that the kernel took for one too many lies
// across: one that is in the set, or another one that is to be added.
func (s *Set) overlap(ctx context.Context, op string, about Element, todo []Entry) error {
	e := &Error{Op: op, Set: s.String(), Element: about.String(), Errno: unix.EEXIST, Reason: "it overlaps with another element"}
	_, all, err := s.entries(ctx)
	if err != nil {
		return err
	}
	for i := range todo {
		x := todo[i].Element
		if about.layout != nil && !x.same(about) {
			continue
		}
		for j := range all {
			if other := all[j].Element; x.overlaps(other) && !x.same(other) {
				e.Element, e.Reason = x.String(), fmt.Sprintf("it overlaps with %s, which is in the set", other)
				return e
			}
		}
		for j := range todo {
			if other := todo[j].Element; x.overlaps(other) && !x.same(other) {
				e.Element, e.Reason = x.String(), fmt.Sprintf("it overlaps with %s, which is to be added as well", other)
				return e
			}
		}
	}
	return e
}

// notParts refuses to delete what overlaps with an element that is there and is
// another one: it would seem to be gone.
func (s *Set) notParts(ctx context.Context, op string, es []Element) error {
	if len(es) == 0 {
		return nil
	}
	_, all, err := s.entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range es {
		for i := range all {
			if other := all[i].Element; e.overlaps(other) && !e.same(other) {
				return &Error{Op: op, Set: s.String(), Element: e.String(), Errno: unix.ENOENT,
					Reason: fmt.Sprintf("it is not in the set, but %s is, which overlaps with it", other), Hint: fmt.Sprintf("delete %s", other)}
			}
		}
	}
	return nil
}
