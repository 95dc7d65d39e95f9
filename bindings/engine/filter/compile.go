package filter

import (
	"fmt"
	"sort"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// pred is a compiled condition.
type pred func(*field.Row) Tri

// compiler checks an expression and makes a pred of it.
type compiler struct {
	env    *Env
	params Params
	used   map[string]bool // parameters
}

func (c *compiler) cond(e Expr) (pred, error) {
	switch e := e.(type) {
	case And:
		return c.all(e, func(list []pred) pred {
			return func(r *field.Row) Tri {
				least := True
				for _, p := range list {
					if t := p(r); t < least {
						if least = t; t == False {
							return False
						}
					}
				}
				return least
			}
		})
	case Or:
		return c.all(e, anyOf)
	case *Not:
		p, err := c.cond(e.X)
		return func(r *field.Row) Tri { return p(r).not() }, err
	case *Cmp:
		return c.compare(e)
	case *In:
		return c.in(e)
	case *Glob:
		return c.glob(e)
	case *Has:
		return c.has(e)
	}
	return c.flag(e.(*Flag))
}

// anyOf holds where one holds.
func anyOf(list []pred) pred {
	return func(r *field.Row) Tri {
		most := False
		for _, p := range list {
			if t := p(r); t > most {
				if most = t; t == True {
					return True
				}
			}
		}
		return most
	}
}

func (c *compiler) all(list []Expr, join func([]pred) pred) (pred, error) {
	preds := make([]pred, len(list))
	for i, e := range list {
		var err error
		if preds[i], err = c.cond(e); err != nil {
			return nil, err
		}
	}
	return join(preds), nil
}

func (c *compiler) has(e *Has) (pred, error) {
	f, ok := field.Lookup(e.Field)
	if !ok {
		return nil, unknownField(e.Field, e.Pos)
	}
	return func(r *field.Row) Tri { _, ok := f.Of(r); return truth(ok) }, nil
}

func unknownField(name string, pos int) error {
	return &Error{Pos: pos, Msg: "unknown field " + show(name), Hint: hint(name, words())}
}

// flag is a word that stands alone.
func (c *compiler) flag(e *Flag) (pred, error) {
	if f, ok := field.Lookup(e.Name); ok {
		if f.Kind != field.Flag {
			return nil, &Error{Pos: e.Pos, Msg: fmt.Sprintf("%s is %s and is compared, as in %s; has(%s) asks whether it is there", e.Name, fieldOperand(f, 0).what(), sample(f), e.Name)}
		}
		return func(r *field.Row) Tri {
			v, ok := f.Of(r)
			if !ok {
				return Unknown
			}
			return truth(v.On)
		}, nil
	}
	if p, ok := wire.ParseProto(strings.ToLower(e.Name)); ok {
		return c.compare(&Cmp{"==", &Word{"proto", e.Pos}, &Word{wire.ProtoName(p), e.Pos}, e.Pos})
	}
	if len(either[e.Name]) > 0 {
		return nil, &Error{Pos: e.Pos, Msg: e.Name + " is compared, as in " + e.Name + " == ..."}
	}
	err := &Error{Pos: e.Pos, Msg: "unknown word " + show(e.Name), Hint: hint(e.Name, append(words(), wire.ProtoNames()...))}
	return nil, err
}

// sample is a comparison that a field could stand in.
func sample(f *field.Field) string {
	switch f.Kind {
	case field.Number:
		return f.Name + " > 10"
	case field.Address:
		return f.Name + " == 10.0.0.1"
	case field.Labels:
		return "label == web"
	}
	return f.Name + " == ..."
}

// compare compiles a comparison.
func (c *compiler) compare(e *Cmp) (pred, error) {
	l, err := c.operand(e.L)
	if err != nil {
		return nil, err
	}
	r, err := c.operand(e.R)
	if err != nil {
		return nil, err
	}
	op := e.Op
	if fixed(l) && !fixed(r) {
		l, r, op = r, l, mirrored[op]
	}
	switch {
	case l.word != "":
		return nil, unknownField(l.word, l.pos)
	case l.literal != nil:
		return nil, &Error{Pos: l.pos, Msg: "two constants are compared: one side must be a field"}
	case len(r.either) > 0:
		return nil, &Error{Pos: r.pos, Msg: "host, net and port stand on the left of a comparison"}
	case len(l.either) > 0:
		return c.compareEither(l, op, r)
	}
	return c.comparison(l, op, r)
}

// fixed tells whether an operand does not depend on the row.
func fixed(o *operand) bool { return o.literal != nil || o.word != "" }

// mirrored are the operators with their sides exchanged.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// compareEither holds where any of several fields is equal.
func (c *compiler) compareEither(l *operand, op string, r *operand) (pred, error) {
	if op != "==" && op != "!=" {
		return nil, &Error{Pos: l.pos, Msg: "host, net and port are compared with == and != only"}
	}
	var list []pred
	for _, f := range l.either {
		p, err := c.comparison(fieldOperand(f, l.pos), "==", r)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	p := anyOf(list)
	if op == "!=" {
		return func(r *field.Row) Tri { return p(r).not() }, nil
	}
	return p, nil
}

func (c *compiler) comparison(l *operand, op string, r *operand) (pred, error) {
	ordered := op != "==" && op != "!="
	if ordered && l.kind != field.Number {
		return nil, &Error{Pos: l.pos, Msg: fmt.Sprintf("%s is compared with == and != only", l.what())}
	}
	switch l.kind {
	case field.Number:
		return c.compareNumbers(l, op, r)
	case field.Address:
		return compareAddrs(l, op, r)
	case field.Labels:
		p, err := c.labelIs(r)
		return negated(p, op), err
	case field.Flag:
		if r.literal == nil || r.literal.kind != constBool {
			return nil, &Error{Pos: r.pos, Msg: "want true or false, got " + r.what()}
		}
		p, err := c.flag(&Flag{l.field.Name, l.pos})
		return negated(p, map[bool]string{true: "==", false: "!="}[(r.literal.num == 1) == (op == "==")]), err
	}
	return c.compareTexts(l, op, r)
}

// negated turns a condition round for !=.
func negated(p pred, op string) pred {
	if op == "!=" {
		return func(r *field.Row) Tri { return p(r).not() }
	}
	return p
}

func (c *compiler) compareNumbers(l *operand, op string, r *operand) (pred, error) {
	if r.literal != nil && r.literal.kind == constMask {
		return c.compareMasked(l, op, r)
	}
	if !fixed(r) {
		if r.num == nil {
			return nil, &Error{Pos: r.pos, Msg: fmt.Sprintf("%s is compared with %s", l.what(), r.what())}
		}
		if l.unit != r.unit && l.unit != "" && r.unit != "" {
			return nil, &Error{Pos: r.pos, Msg: fmt.Sprintf("%s is compared with %s", l.what(), r.what())}
		}
		less := ordering(op)
		ln, rn := l.num, r.num
		return func(row *field.Row) Tri {
			a, ok := ln(row)
			if !ok {
				return Unknown
			}
			b, ok := rn(row)
			if !ok {
				return Unknown
			}
			return truth(less(a, b))
		}, nil
	}
	n, err := c.number(r, l.field, l.unit)
	if err != nil {
		return nil, err
	}
	get := l.num
	test := ordering(op)
	return func(row *field.Row) Tri {
		v, ok := get(row)
		if !ok {
			return Unknown
		}
		return truth(test(v, n))
	}, nil
}

// ordering is the comparison of an operator.
func ordering(op string) func(a, b float64) bool {
	switch op {
	case "==":
		return func(a, b float64) bool { return a == b }
	case "!=":
		return func(a, b float64) bool { return a != b }
	case "<":
		return func(a, b float64) bool { return a < b }
	case "<=":
		return func(a, b float64) bool { return a <= b }
	case ">":
		return func(a, b float64) bool { return a > b }
	}
	return func(a, b float64) bool { return a >= b }
}

func (c *compiler) compareMasked(l *operand, op string, r *operand) (pred, error) {
	if l.field == nil || !l.field.Mask || op != "==" && op != "!=" {
		return nil, &Error{Pos: r.pos, Msg: "a mask goes with mark and status, and with == and !="}
	}
	get, want, mask := l.num, uint32(r.literal.num), r.literal.mask
	return negated(func(row *field.Row) Tri {
		v, ok := get(row)
		if !ok {
			return Unknown
		}
		return truth(uint32(v)&mask == want)
	}, op), nil
}

func compareAddrs(l *operand, op string, r *operand) (pred, error) {
	la := l.addr
	if !fixed(r) {
		if r.addr == nil {
			return nil, &Error{Pos: r.pos, Msg: "an address is compared with " + r.what()}
		}
		ra := r.addr
		return negated(func(row *field.Row) Tri {
			a, ok := la(row)
			if !ok {
				return Unknown
			}
			b, ok := ra(row)
			if !ok {
				return Unknown
			}
			return truth(a == b)
		}, op), nil
	}
	want, err := address(r)
	if err != nil {
		return nil, err
	}
	return negated(func(row *field.Row) Tri {
		a, ok := la(row)
		if !ok {
			return Unknown
		}
		return truth(a == want)
	}, op), nil
}

func (c *compiler) compareTexts(l *operand, op string, r *operand) (pred, error) {
	lt := l.text
	if !fixed(r) {
		if r.text == nil {
			return nil, &Error{Pos: r.pos, Msg: "a text is compared with " + r.what()}
		}
		rt := r.text
		return negated(func(row *field.Row) Tri {
			a, ok := lt(row)
			if !ok {
				return Unknown
			}
			b, ok := rt(row)
			if !ok {
				return Unknown
			}
			return truth(a == b)
		}, op), nil
	}
	want, err := c.textFor(r, l.field)
	if err != nil {
		return nil, err
	}
	return negated(func(row *field.Row) Tri {
		s, ok := lt(row)
		if !ok {
			return Unknown
		}
		return truth(s == want)
	}, op), nil
}

// labelIs holds where the flow has a label. A flow without labels has none:
// the kernel sends no empty set.
func (c *compiler) labelIs(r *operand) (pred, error) {
	name, err := c.textFor(r, nil)
	if err != nil {
		return nil, err
	}
	bit, ok := c.env.label(name)
	if !ok {
		return nil, &Error{Pos: r.pos, Msg: "unknown label " + show(name), Hint: hint(name, names(c.env.Labels))}
	}
	return func(row *field.Row) Tri {
		return truth(row.Need(field.PartLabels).Has(wire.HasLabels) && row.Need(field.PartLabels).Labels.Bit(bit))
	}, nil
}

// unused names parameters that were given and stand nowhere, most often
// because of a typo.
func (c *compiler) unused() error {
	var list []string
	for name := range c.params {
		if !c.used[name] {
			list = append(list, "$"+name)
		}
	}
	if len(list) == 0 {
		return nil
	}
	sort.Strings(list)
	return &Error{Msg: strings.Join(list, ", ") + " was given and does not stand in the filter"}
}
