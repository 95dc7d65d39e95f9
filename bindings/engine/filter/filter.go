package filter

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Filter selects flows. The zero Filter selects every flow. It is a value that
// never changes: And and Unless make another one.
type Filter struct {
	parts []part // all must hold
	pred  pred   // of all parts
	exact []Exact
}

// part is a condition that was compiled by itself: its parameters and words
// are its own.
type part struct {
	expr   Expr
	params Params
	env    *Env
	pred   pred
	exact  []Exact
	family uint8 // that its addresses leave, 0 for both
}

// Compile reads a filter and checks it. Every parameter must be used, so that
// a misspelt one is found. Parameters, and what env tells of a word, must not
// change afterwards: a filter without parameters may be one that was compiled
// before.
func Compile(text string, params Params, env *Env) (Filter, error) {
	if f, ok := programs.get(text, params, env); ok {
		return f, nil
	}
	e, err := Parse(text)
	if err != nil {
		return Filter{}, err
	}
	f, err := compile(e, params, env)
	if err != nil {
		return f, locate(err, text)
	}
	programs.put(text, params, env, f)
	return f, nil
}

func compile(e Expr, params Params, env *Env) (Filter, error) {
	c := newCompiler(params, env)
	f, err := c.filter(e)
	if err == nil {
		err = c.unused()
	}
	if err != nil {
		return Filter{}, err
	}
	return f, nil
}

// filter compiles a condition. Conjunctions in parentheses give exact terms
// too.
func (c *compiler) filter(e Expr) (Filter, error) {
	p, err := c.cond(e)
	if err != nil {
		return Filter{}, err
	}
	exact, err := c.exactly(conjuncts(e))
	if err != nil {
		return Filter{}, err
	}
	return Filter{parts: []part{{e, c.params, c.env, p, exact, c.impliedFamily(conjuncts(e))}}, pred: p, exact: exact}, nil
}

// conjuncts lists the conditions that must all hold where e does.
func conjuncts(e Expr) And {
	list, ok := e.(And)
	if !ok {
		return And{e}
	}
	var flat And
	for _, x := range list {
		flat = append(flat, conjuncts(x)...)
	}
	return flat
}

// Match tells whether a flow is selected: True, False, or Unknown where the
// flow lacks what was asked for, which does not select.
func (f *Filter) Match(r *field.Row) Tri {
	if f.pred == nil {
		return True
	}
	return f.pred(r)
}

// IsAll tells whether f selects every flow.
func (f *Filter) IsAll() bool { return f.pred == nil }

// Exact are the terms of f that compare one field with one value. All must
// hold where f does; they are not all of f.
func (f *Filter) Exact() []Exact { return f.exact }

// And selects what both select, and refuses two that no flow could meet
// together.
func (f Filter) And(g Filter) (Filter, error) {
	switch {
	case f.IsAll():
		return g, nil
	case g.IsAll():
		return f, nil
	}
	joint := Filter{parts: append(slices.Clip(f.parts), g.parts...),
		exact: append(slices.Clip(f.exact), g.exact...), pred: bothOf(f.pred, g.pred)}
	return joint, contradiction(joint.exact)
}

// bothOf holds where a and b do.
func bothOf(a, b pred) pred {
	return func(r *field.Row) Tri {
		t := a(r)
		if t == False {
			return False
		}
		return min(t, b(r))
	}
}

// Unless selects what f does and g does not. Where g is unknown the flow is
// not selected.
func (f Filter) Unless(g Filter) (Filter, error) {
	if g.IsAll() {
		return f, &Error{Msg: "unless everything: no flow could match"}
	}
	p := g.pred
	no := part{expr: &Not{X: g.expr()}, env: g.parts[0].env, pred: func(r *field.Row) Tri { return p(r).not() }}
	if len(g.parts) == 1 {
		// The parameters of several may have the same names. They are not needed
		// again: only the negation of a single flag is an exact term.
		no.params = g.parts[0].params
		if x, ok := newCompiler(no.params, no.env).exactTerm(no.expr); ok {
			no.exact = []Exact{x}
		}
	}
	return f.And(Filter{parts: []part{no}, pred: no.pred, exact: no.exact})
}

// expr is the condition that f is.
func (f *Filter) expr() Expr {
	e := f.parts[0].expr
	for _, p := range f.parts[1:] {
		e = join(e, p.expr)
	}
	return e
}

// String renders f in its one form, with the values of its parameters but for
// long lists. Compile reads it back.
func (f Filter) String() string {
	if f.IsAll() {
		return "all"
	}
	e := f.parts[0].bound()
	for i := range f.parts[1:] {
		e = join(e, f.parts[1+i].bound())
	}
	return Print(e)
}

// join is the conjunction of two conditions, flat.
func join(a, b Expr) Expr {
	var list And
	for _, e := range []Expr{a, b} {
		if and, ok := e.(And); ok {
			list = append(list, and...)
		} else {
			list = append(list, e)
		}
	}
	return list
}
