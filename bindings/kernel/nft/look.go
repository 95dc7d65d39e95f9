package nft

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// questions is how many are asked at once. Each answer takes a buffer of the
// kernel of more than 4 KiB (net/netfilter/nf_tables_api.c, nft_get_set_elem),
// and 208 KiB of them wait for their reader by default.
const questions = 32

// Look finds exactly these elements: nil for one that is not in the set, or is
// only a part of one that is.
func (s *Set) Look(ctx context.Context, es []Element) ([]*Entry, error) {
	_, list, err := s.look(ctx, es)
	return list, s.client.explain("look into set "+s.String(), err)
}

// Has tells whether an element of the set holds e, all of it.
func (s *Set) Has(ctx context.Context, e Element) (bool, error) {
	_, _, covered, err := s.find(ctx, []Element{e})
	return err == nil && covered[0], s.client.explain("look into set "+s.String(), err)
}

// look is Look, and tells of which generation that is.
func (s *Set) look(ctx context.Context, es []Element) (gen uint32, exact []*Entry, err error) {
	gen, exact, _, err = s.find(ctx, es)
	return gen, exact, err
}

// find tells of elements whether the set has exactly them, and whether one of
// its elements holds them. The definition of the set is read again where it may
// be another one.
func (s *Set) find(ctx context.Context, es []Element) (gen uint32, exact []*Entry, covered []bool, err error) {
	for range tries {
		f := &finding{es: es, exact: make([]*Entry, len(es)), covered: make([]bool, len(es))}
		err = s.findOnce(ctx, f)
		switch {
		case errors.Is(err, errMoved):
			continue
		case err == nil && f.unsure:
			return s.search(ctx, es)
		}
		return f.gen, f.exact, f.covered, err
	}
	return 0, nil, nil, ErrBusy
}

// errMoved says that the rules are of another generation than they were.
var errMoved = errors.New("the rules changed")

// finding is what was found of some elements.
type finding struct {
	gen     uint32
	es      []Element
	exact   []*Entry
	covered []bool
	unsure  bool // the answers leave it open: all of the set must be read
}

func (s *Set) findOnce(ctx context.Context, f *finding) error {
	var keys []Element // what is asked for
	for _, e := range f.es {
		keys = append(keys, e.questions()...)
	}
	answers := make([]*point, len(keys))
	for first := 0; first == 0 || first < len(keys); first += questions {
		end := min(first+questions, len(keys))
		gen, err := s.ask(ctx, keys[first:end], answers[first:end])
		switch {
		case err != nil:
			return err
		case first > 0 && gen != f.gen:
			return errMoved
		}
		f.gen = gen
	}
	for i, e := range f.es {
		n := len(e.questions())
		f.judge(i, answers[:n])
		answers = answers[n:]
	}
	if err := s.renew(ctx, f.gen); err != nil {
		return err
	}
	for _, e := range f.exact {
		if e != nil {
			s.standard(e)
		}
	}
	return nil
}

// questions are the elements to ask for to find e. To a question about a value
// the kernel answers with the element that holds it. Of one that ends in an
// element of its own it tells only where it begins (nft_rbtree_get): so an
// interval is there if one begins at its first value, holds its last one, and
// does not hold the next.
func (e Element) questions() []Element {
	if e.all || !e.layout.interval || e.layout.ranged() {
		return []Element{e}
	}
	point := func(key string) Element { return Element{layout: e.layout, from: key, to: key} }
	list := []Element{point(e.from), point(e.to)}
	if next, ok := after(e.to); ok {
		list = append(list, point(next))
	}
	return list
}

// judge tells what the answers mean for element i.
func (f *finding) judge(i int, answers []*point) {
	e, first := f.es[i], answers[0]
	switch {
	case first == nil:
	case len(answers) > 1: // an interval with ends of its own
		last := answers[1]
		f.covered[i] = last != nil && last.key == first.key
		next := len(answers) == 3 && answers[2] != nil && answers[2].key == first.key
		if first.key == e.from && f.covered[i] && !next {
			f.exact[i] = f.entry(i, first)
		}
	default:
		found := e.layout.entry(first, first.upper())
		f.covered[i] = found.Element.covers(e)
		if found.Element.same(e) {
			f.exact[i] = f.entry(i, first)
		}
		// Of several that hold the first value of a range the kernel tells the
		// one that was added first (nft_pipapo_get); another may hold all of it.
		f.unsure = f.unsure || !f.covered[i] && e.from != e.to
	}
}

func (f *finding) entry(i int, p *point) *Entry {
	e := f.es[i].layout.entry(p, f.es[i].to)
	return &e
}

// ask asks for a few elements and the generation. That the set itself is gone
// looks as if its elements were.
func (s *Set) ask(ctx context.Context, es []Element, list []*point) (gen uint32, err error) {
	sock, err := s.client.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer sock.close()
	sock.askGeneration()
	for _, e := range es {
		_, at := sock.message(messageType(unix.NFT_MSG_GETSETELEM), 0, s.Family, 0)
		sock.out = s.appendName(sock.out)
		var nest int
		sock.out, nest = openNest(sock.out, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		sock.out = e.appendStart(sock.out, nil)
		closeNest(sock.out, nest)
		sock.end(at)
	}
	if err := sock.send(); err != nil {
		return 0, err
	}
	err = sock.answers(1+len(es), func(i int, a *answer) error {
		switch {
		case i == 0:
			gen, err = generationOf(a)
			return err
		case a.bad == nil:
			points, err := appendPoints(nil, a.data)
			if err == nil {
				err = s.layout.check(points)
			}
			if err == nil && len(points) == 1 && !points[0].ends() {
				list[i-1] = &points[0]
			}
			return err
		case a.bad.errno == unix.ENOENT:
			return nil
		}
		return *a.bad
	})
	return gen, err
}

// search is find by reading all of the set.
func (s *Set) search(ctx context.Context, es []Element) (gen uint32, exact []*Entry, covered []bool, err error) {
	gen, all, err := s.entries(ctx)
	exact, covered = make([]*Entry, len(es)), make([]bool, len(es))
	at := make(map[Element]*Entry, len(all))
	for i := range all {
		at[all[i].Element.bare()] = &all[i]
	}
	for i, e := range es {
		exact[i] = at[e.bare()]
		for j := 0; j < len(all) && !covered[i]; j++ {
			covered[i] = all[j].Element.covers(e)
		}
	}
	return gen, exact, covered, err
}
