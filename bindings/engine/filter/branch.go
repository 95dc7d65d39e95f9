package filter

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Branches lists filters, at most so many, that together select what f does and
// of which each leaves more to the kernel than f can: an address, a port of a
// known protocol, a mark or a zone. It is nil where f has no condition that
// splits into such. A flow may be selected by several of them; who runs one
// leaves out what an earlier one matches.
//
// Of several conditions that split, the one with the fewest branches does, as
// each costs a pass over the table.
func (f Filter) Branches(most int) []Filter {
	var best []Filter
	for i, p := range f.parts {
		list := conjuncts(p.expr)
		for j, e := range list {
			c := newCompiler(p.params, p.env)
			if c.set != field.Flow {
				return nil
			}
			ways := c.split(e, most)
			if len(ways) < 2 || best != nil && len(ways) >= len(best) {
				continue
			}
			if rest, ok := f.without(i, list, j); ok {
				if branches := c.branches(rest, ways); branches != nil {
					best = branches
				}
			}
		}
	}
	return best
}

// without is f but for one of the conditions of part i.
func (f *Filter) without(i int, list And, j int) (rest Filter, ok bool) {
	var err error
	for k, p := range f.parts {
		g := Filter{parts: []part{p}, pred: p.pred, exact: p.exact}
		if k == i {
			others := slices.Delete(slices.Clone(list), j, j+1)
			switch len(others) {
			case 0:
				continue
			case 1:
				g, err = newCompiler(p.params, p.env).filter(others[0])
			default:
				g, err = newCompiler(p.params, p.env).filter(others)
			}
		}
		if err == nil {
			rest, err = rest.And(g)
		}
		if err != nil {
			return Filter{}, false
		}
	}
	return rest, true
}

// branches joins each way with the rest, nil unless each leaves more to the
// kernel than the rest. A way that the rest contradicts selects nothing and is
// left out.
func (c *compiler) branches(rest Filter, ways []Expr) (list []Filter) {
	before := narrowing(&rest)
	for _, e := range ways {
		way, err := c.filter(e)
		if err != nil {
			return nil
		}
		branch, err := rest.And(way)
		if err != nil {
			continue
		}
		if narrowing(&branch)&^before == 0 {
			return nil
		}
		list = append(list, branch)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// split lists the ways to meet a condition: the branches of an "or", the
// members of a set, the ends that host and port mean. It is nil for one that
// has a single way, or more than most.
func (c *compiler) split(e Expr, most int) (list []Expr) {
	switch e := e.(type) {
	case Or:
		list = flatOr(e)
	case *Cmp:
		if e.Op == "==" {
			list = c.each(e.L, []Val{e.R}, e.Pos)
		}
	case *In:
		if values, ok := c.singles(e, most); ok && !e.Not {
			list = c.each(e.X, values, e.Pos)
		}
	}
	if len(list) > most {
		return nil
	}
	return list
}

// flatOr lists the branches of an "or", those in parentheses too.
func flatOr(e Expr) (list []Expr) {
	or, ok := e.(Or)
	if !ok {
		return []Expr{e}
	}
	for _, x := range or {
		list = append(list, flatOr(x)...)
	}
	return list
}

// each compares what a word means with each of the values, each pair once.
func (c *compiler) each(x Val, values []Val, pos int) (list []Expr) {
	w, ok := x.(*Word)
	if !ok {
		return nil
	}
	o := c.word(w)
	fields := o.either
	if o.field != nil {
		fields = []*field.Field{o.field}
	}
	seen := map[string]bool{}
	for _, v := range values {
		for _, f := range fields {
			e := &Cmp{"==", &Word{f.Name, w.Pos}, v, pos}
			if text := Print(e); !seen[text] {
				seen[text] = true
				list = append(list, e)
			}
		}
	}
	return list
}

// narrowing tells what a kernel that can do everything is asked to compare of
// what narrows a selection down well: a bit for the mark, the zone, and each
// address and port.
func narrowing(f *Filter) (set uint64) {
	k := f.Push(Ability{Family: true, Mark: true, Status: true, Zone: true, Tuple: true})
	const ends = wire.FilterSrc | wire.FilterDst | wire.FilterSrcPort | wire.FilterDstPort
	set = uint64(k.Orig.Bits&ends) | uint64(k.Reply.Bits&ends)<<32
	if k.Mark != nil {
		set |= 1 << 62
	}
	if k.Zone != nil {
		set |= 1 << 63
	}
	return set
}
