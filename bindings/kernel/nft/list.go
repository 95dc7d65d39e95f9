package nft

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// List calls fn with every element of the set, in the order of their keys. The
// list is read to its end before the first call, again where the rules changed
// meanwhile; it takes some 400 bytes an element. For each piece of some hundred
// elements the kernel begins anew and passes over those that it has sent, so
// that a million of them take a minute, as they do with nft. An error of fn
// ends the list and is returned.
func (s *Set) List(ctx context.Context, fn func(Entry) error) error {
	_, list, err := s.entries(ctx)
	if err != nil {
		return s.client.explain("list set "+s.String(), err)
	}
	for i := range list {
		if err := fn(list[i]); err != nil {
			return err
		}
	}
	return nil
}

// entries reads all elements, and tells of which generation they are.
func (s *Set) entries(ctx context.Context) (gen uint32, list []Entry, err error) {
	for range tries {
		if gen, err = s.client.generation(ctx); err != nil {
			return 0, nil, err
		}
		if err := s.renew(ctx, gen); err != nil {
			return 0, nil, err
		}
		points, whole, err := s.dump(ctx, gen)
		switch {
		case err == nil && whole:
			list, err = s.layout.entries(points)
			for i := range list {
				s.standard(&list[i])
			}
			return gen, list, err
		case err == nil, errors.Is(err, unix.ENOENT):
			// The rules changed; the set may be gone, which renew tells.
		default:
			return 0, nil, err
		}
	}
	return 0, nil, ErrBusy
}

// dump reads the elements once. whole tells that the rules were those of the
// generation all the time: where they change between two pieces of the answer,
// the kernel passes over elements (nf_tables_dump_set counts those that it has
// sent).
func (s *Set) dump(ctx context.Context, gen uint32) (points []point, whole bool, err error) {
	sock, err := s.client.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	defer sock.close()
	_, at := sock.message(messageType(unix.NFT_MSG_GETSETELEM), wire.FlagDump, s.Family, 0)
	sock.out = s.appendName(sock.out)
	sock.end(at)
	if err := sock.send(); err != nil {
		return nil, false, err
	}
	whole = true
	err = sock.answers(1, func(_ int, a *answer) error {
		if a.bad != nil {
			return *a.bad
		}
		if a.intr || a.data != nil && a.gen != uint16(gen) {
			whole = false
		}
		if !whole || a.data == nil {
			return nil
		}
		points, err = appendPoints(points, a.data)
		return err
	})
	return points, whole, err
}

// standard gives an element the timeout that the kernel does not tell because it
// is the default of the set (nf_tables_fill_setelem).
func (s *Set) standard(e *Entry) {
	if e.Timeout == 0 && e.Expires > 0 {
		e.Timeout = max(s.Traits().Timeout, e.Expires)
	}
}

// appendName says which set a message is about.
func (s *Set) appendName(b []byte) []byte {
	b = appendText(b, unix.NFTA_SET_ELEM_LIST_TABLE, s.Table)
	return appendText(b, unix.NFTA_SET_ELEM_LIST_SET, s.Name)
}

// appendPoints reads the elements in the attributes of a message.
func appendPoints(points []point, data []byte) ([]point, error) {
	a := attrs{b: find(data, unix.NFTA_SET_ELEM_LIST_ELEMENTS)}
	for {
		_, payload, _, ok := a.next()
		if !ok {
			break
		}
		p, err := readPoint(payload)
		if err != nil {
			return points, err
		}
		points = append(points, p)
	}
	if a.bad {
		return points, fmt.Errorf("%w: a list of elements is cut short", errMalformed)
	}
	return points, nil
}
