package filter

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Filter selects flows. The zero Filter selects every flow. It is a value:
// And and Unless make another one.
type Filter struct {
	expr  Expr
	pred  pred
	exact []Exact
}

// Compile reads a filter and checks it. Every parameter must be used, so that
// a misspelt one is found.
func Compile(text string, params Params, env *Env) (Filter, error) {
	e, err := Parse(text)
	if err != nil {
		return Filter{}, err
	}
	f, err := compile(e, params, env)
	return f, locate(err, text)
}

func compile(e Expr, params Params, env *Env) (Filter, error) {
	if env == nil {
		env = &Env{}
	}
	c := &compiler{env: env, params: params, used: map[string]bool{}}
	p, err := c.cond(e)
	if err == nil {
		err = c.unused()
	}
	var exact []Exact
	if err == nil {
		exact, err = c.exactly(e)
	}
	if err != nil {
		return Filter{}, err
	}
	return Filter{expr: e, pred: p, exact: exact}, nil
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
	a, b := f.pred, g.pred
	both := Filter{expr: join(f.expr, g.expr), exact: append(slices.Clip(f.exact), g.exact...),
		pred: func(r *field.Row) Tri {
			t := a(r)
			if t == False {
				return False
			}
			return min(t, b(r))
		}}
	return both, contradiction(both.exact)
}

// Unless selects what f does and g does not. Where g is unknown the flow is
// not selected.
func (f Filter) Unless(g Filter) (Filter, error) {
	if g.IsAll() {
		return f, &Error{Msg: "unless everything: no flow could match"}
	}
	p := g.pred
	return f.And(Filter{expr: &Not{X: g.expr}, pred: func(r *field.Row) Tri { return p(r).not() }})
}

// String renders f in its one form; Compile reads it back.
func (f Filter) String() string {
	if f.IsAll() {
		return "all"
	}
	return Print(f.expr)
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
