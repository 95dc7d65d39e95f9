package nft

import (
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// renewal is whether the kernel gives an element that is added again its time
// anew. It does since 6.12, if told what is left of it; before, it leaves the
// element as it is and says nothing (nft_add_set_elem). What it does is seen at
// the first such element.
var renewal atomic.Int32

// States of renewal.
const (
	renewalUnknown = iota
	renews
	keeps
)

// put adds elements in one transaction. again tells that the rules changed
// while it looked, and that nothing was done.
func (s *Set) put(ctx context.Context, op string, entries []Entry, res *Result) (again bool, err error) {
	es := make([]Element, len(entries))
	for i := range entries {
		es[i] = entries[i].Element
	}
	gen, there, err := s.look(ctx, es)
	if err != nil {
		return false, err
	}
	todo, old := s.todo(entries, there)
	if len(todo) == 0 {
		res.Same += len(entries)
		return false, nil
	}
	t, err := s.transact(ctx, gen)
	if err != nil {
		return false, err
	}
	defer t.close()
	anew := renewal.Load()
	if anew == keeps && len(old) > 0 {
		// In one transaction, so that no packet misses them.
		t.remove(old)
	}
	t.put(todo)
	about, err := t.commit()
	switch {
	case refusedFor(err, unix.ERESTART), refusedFor(err, unix.ENOENT) && len(old) > 0: // one has expired meanwhile
		return true, nil
	case refusedFor(err, unix.EEXIST):
		return false, s.overlap(ctx, op, about, todo)
	case err != nil:
		return false, s.refused(ctx, op, about, err)
	}
	if anew == renewalUnknown && len(old) > 0 {
		// Where it turns out that nothing was renewed, what is new is in the
		// set now, and the rest is done again.
		if again, err = s.learn(ctx, todo, there); again || err != nil {
			return again, err
		}
	}
	res.Applied += len(todo)
	res.Same += len(entries) - len(todo)
	return false, nil
}

// todo is what of entries is to be sent, and what of it is there already.
// What is there for good stays so, and without timeouts there is nothing to be
// renewed.
func (s *Set) todo(entries []Entry, there []*Entry) (todo []Entry, old []Element) {
	traits := s.Traits()
	for i, e := range entries {
		if e.standard {
			e.Timeout = traits.Timeout
		}
		e.never = e.Timeout == 0 && traits.Timeout > 0
		if now := there[i]; now != nil {
			if now.Timeout == 0 {
				continue
			}
			old = append(old, now.Element)
			e.extra = now.extra
			if e.Expires == 0 {
				e.Expires = e.Timeout
			}
		}
		todo = append(todo, e)
	}
	return todo, old
}

// learn looks whether the elements that were there have got their time anew.
// again tells that they have not.
func (s *Set) learn(ctx context.Context, todo []Entry, there []*Entry) (again bool, err error) {
	was := make(map[Element]*Entry)
	for _, now := range there {
		if now != nil {
			was[now.Element.bare()] = now
		}
	}
	for _, e := range todo {
		before := was[e.Element.bare()]
		if before == nil {
			continue
		}
		_, now, err := s.look(ctx, []Element{e.Element})
		switch {
		case err != nil:
			return false, err
		case now[0] == nil: // gone meanwhile
			continue
		case now[0].Timeout != before.Timeout || now[0].Expires > before.Expires:
			renewal.Store(renews)
			return false, nil
		case e.Timeout != before.Timeout || e.Expires > before.Expires:
			renewal.Store(keeps)
			return true, nil
		}
	}
	return false, nil
}
