package nft

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// Result counts what became of elements.
type Result struct {
	Applied int // added, given their time anew, or deleted
	Same    int // were in the set as they should be: nothing was done
	Gone    int // to be deleted, and not in the set
	Unknown int // sent, but the kernel's answer was lost
}

// Add adds elements, all with one timeout: 0 is the default of the set. One
// that is there with a timeout gets it anew, from now on; one that is there for
// good stays so. Its comment and counters are kept.
//
// Elements go out in transactions of up to [BatchSize]. The error is a
// [*TypeError] where nothing was tried, and a [*Error] where the kernel refused
// one transaction: those before it stay, as the result counts them.
func (s *Set) Add(ctx context.Context, es []Element, timeout time.Duration) (Result, error) {
	entries := make([]Entry, len(es))
	for i, e := range es {
		entries[i] = Entry{Element: e, Timeout: timeout, standard: timeout == 0}
	}
	return s.Put(ctx, entries)
}

// Put is [Set.Add] for elements with a timeout and comment each, as [Set.List]
// has them: a timeout of 0 is for ever, whatever the default of the set, and
// one that expires in 5 minutes of an hour is added as such.
func (s *Set) Put(ctx context.Context, entries []Entry) (Result, error) {
	const op = "add to"
	for _, e := range entries {
		if err := s.Takes(e); err != nil {
			return Result{}, err
		}
	}
	entries = once(entries, func(e Entry) Element { return e.Element })
	return s.batches(ctx, op, len(entries), func(from, to int, res *Result) (bool, error) { return s.put(ctx, op, entries[from:to], res) })
}

// Delete deletes elements. One that is not there counts as gone; a part of one
// that is there is an error. Transactions and errors are those of [Set.Add].
func (s *Set) Delete(ctx context.Context, es []Element) (Result, error) {
	const op = "delete from"
	for _, e := range es {
		if err := s.holds(e); err != nil {
			return Result{}, err
		}
	}
	es = once(es, func(e Element) Element { return e })
	return s.batches(ctx, op, len(es), func(from, to int, res *Result) (bool, error) { return s.delete(ctx, op, es[from:to], res) })
}

// once leaves out what is there twice.
func once[T any](list []T, key func(T) Element) []T {
	seen := make(map[Element]bool, len(list))
	var kept []T
	for _, x := range list {
		if k := key(x).bare(); !seen[k] {
			seen[k] = true
			kept = append(kept, x)
		}
	}
	return kept
}

// holds refuses an element that was made for a set of another type, and every
// one of a map: its data could not be brought back.
func (s *Set) holds(e Element) error {
	switch {
	case s.Map:
		return &TypeError{Set: s.String(), Reason: "it is a map, whose elements have data; change it with nft"}
	case e.layout == nil || e.layout.interval != s.Interval || !slices.Equal(e.layout.fields, s.Key):
		return &TypeError{Set: s.String(), Element: e.String(), Reason: "it was made for a set of another type"}
	}
	return nil
}

// Takes refuses an element that the set cannot have: one that was made for a set
// of another type, any in a map, and a timeout where the set has none. The error
// is a [*TypeError].
func (s *Set) Takes(e Entry) error {
	switch err := s.holds(e.Element); {
	case err != nil:
		return err
	case e.Timeout < 0:
		return &TypeError{Set: s.String(), Element: e.Element.String(), Reason: "its timeout is negative"}
	case e.Timeout > 0 && !s.Traits().Timeouts:
		return &TypeError{Set: s.String(), Element: e.Element.String(), Reason: `the set has no "flags timeout": its elements stay for good`}
	}
	return nil
}

// batches calls fn for one part of n elements after the other, again as long
// as it says that the rules have changed.
func (s *Set) batches(ctx context.Context, op string, n int, fn func(from, to int, res *Result) (again bool, err error)) (res Result, err error) {
	if s.client.readOnly {
		return res, conntrack.ErrReadOnly
	}
	for from := 0; from < n; from += BatchSize {
		to := min(from+BatchSize, n)
		again := true
		for try := 0; again && try < tries; try++ {
			again, err = fn(from, to, &res)
		}
		var lost *lostError
		switch {
		case again:
			err = ErrBusy
		case errors.As(err, &lost):
			res.Unknown += to - from
		}
		if err != nil {
			return res, s.client.explain(op+" set "+s.String(), err)
		}
	}
	return res, nil
}
