package filter

// bound is the condition with what was given for its parameters in their place,
// so that its text says what it selects. Long lists stay parameters.
func (p *part) bound() Expr {
	if len(p.params) == 0 {
		return p.expr
	}
	return (&compiler{params: p.params}).bind(p.expr)
}

// boundMost is how many members of a list are written out.
const boundMost = 8

func (c *compiler) bind(e Expr) Expr {
	switch e := e.(type) {
	case And:
		list := make(And, len(e))
		for i := range e {
			list[i] = c.bind(e[i])
		}
		return list
	case Or:
		list := make(Or, len(e))
		for i := range e {
			list[i] = c.bind(e[i])
		}
		return list
	case *Not:
		return &Not{c.bind(e.X), e.Pos}
	case *Cmp:
		return &Cmp{e.Op, c.bindVal(e.L), c.bindVal(e.R), e.Pos}
	case *In:
		in := &In{X: c.bindVal(e.X), Not: e.Not, Pos: e.Pos}
		for _, v := range e.Items {
			if p, is := v.(*Param); is {
				if list, short := c.given(p, boundMost); short {
					in.Items = append(in.Items, list...)
					continue
				}
			}
			in.Items = append(in.Items, v)
		}
		return in
	}
	return e
}

// bindVal is a value, of a parameter what was given where that is one value.
func (c *compiler) bindVal(v Val) Val {
	switch v := v.(type) {
	case *Param:
		if one, ok := c.given(v, 1); ok && len(one) == 1 {
			return one[0]
		}
	case *Call:
		args := make([]Val, len(v.Args))
		for i := range v.Args {
			args[i] = c.bindVal(v.Args[i])
		}
		return &Call{v.Fn, args, v.Pos}
	case *Arith:
		return &Arith{v.Op, c.bindVal(v.L), c.bindVal(v.R), v.Pos}
	}
	return v
}
