package nft

import (
	"context"

	"golang.org/x/sys/unix"
)

// delete deletes elements in one transaction. again tells that the rules
// changed while it looked, and that nothing was done.
func (s *Set) delete(ctx context.Context, op string, es []Element, res *Result) (again bool, err error) {
	gen, there, covered, err := s.find(ctx, es)
	if err != nil {
		return false, err
	}
	var todo, doubtful []Element
	for i, e := range es {
		switch {
		case there[i] != nil:
			todo = append(todo, e)
		case covered[i] || e.from != e.to:
			doubtful = append(doubtful, e)
		}
	}
	if err := s.notParts(ctx, op, doubtful); err != nil {
		return false, err
	}
	if len(todo) > 0 {
		t, err := s.transact(ctx, gen)
		if err != nil {
			return false, err
		}
		defer t.close()
		t.remove(todo)
		about, err := t.commit()
		switch {
		case refusedFor(err, unix.ERESTART, unix.ENOENT): // one has expired meanwhile
			return true, nil
		case err != nil:
			return false, s.refused(ctx, op, about, err)
		}
	}
	res.Applied += len(todo)
	res.Gone += len(es) - len(todo)
	return false, nil
}
