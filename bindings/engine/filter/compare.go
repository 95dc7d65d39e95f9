package filter

import (
	"errors"
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/label"
)

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
		return nil, c.unknownField(l.word, l.pos)
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
	return negated(anyOf(list), op == "!="), nil
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
		return negated(p, op == "!="), err
	case field.Flag:
		if r.literal == nil || r.literal.kind != constBool {
			return nil, &Error{Pos: r.pos, Msg: "want true or false, got " + r.what()}
		}
		p, err := c.flag(&Flag{l.field.Name, l.pos})
		return negated(p, (r.literal.num == 1) != (op == "==")), err
	}
	return c.compareTexts(l, op, r)
}

// negated turns a condition round.
func negated(p pred, not bool) pred {
	if not {
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
	s, not := spanOf(op, n)
	return within(l, []span{s}, not), nil
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
	want, mask := uint32(r.literal.num), r.literal.mask
	in, out := answers(op == "!=")
	get := l.whole
	if get == nil { // a column
		num := l.num
		get = func(row *field.Row) (uint32, bool) { v, ok := num(row); return uint32(v), ok }
	}
	return func(row *field.Row) Tri {
		v, ok := get(row)
		if !ok {
			return Unknown
		}
		if v&mask == want {
			return in
		}
		return out
	}, nil
}

func compareAddrs(l *operand, op string, r *operand) (pred, error) {
	la := l.wide
	if fixed(r) {
		want, err := address(r)
		if err != nil {
			return nil, err
		}
		w := want.Words()
		return addrWithin(la, []addrRange{{w, w}}, op == "!="), nil
	}
	if r.wide == nil {
		return nil, &Error{Pos: r.pos, Msg: "an address is compared with " + r.what()}
	}
	return same(la, r.wide, op == "!="), nil
}

// same holds where two values of a row are equal, or with not where they
// differ.
func same[T comparable](l, r func(*field.Row) (T, bool), not bool) pred {
	in, out := answers(not)
	return func(row *field.Row) Tri {
		a, ok := l(row)
		if !ok {
			return Unknown
		}
		b, ok := r(row)
		if !ok {
			return Unknown
		}
		if a == b {
			return in
		}
		return out
	}
}

func (c *compiler) compareTexts(l *operand, op string, r *operand) (pred, error) {
	lt := l.text
	if !fixed(r) {
		if r.text == nil {
			return nil, &Error{Pos: r.pos, Msg: "a text is compared with " + r.what()}
		}
		return same(lt, r.text, op == "!="), nil
	}
	want, err := c.textFor(r, l.field)
	if err != nil {
		return nil, err
	}
	if isProto(l) {
		return protoIn([]string{want}, op == "!="), nil
	}
	in, out := answers(op == "!=")
	return func(row *field.Row) Tri {
		s, ok := lt(row)
		if !ok {
			return Unknown
		}
		if s == want {
			return in
		}
		return out
	}, nil
}

// labelIs holds where the flow has a label. A flow without labels has none:
// the kernel sends no empty set.
func (c *compiler) labelIs(r *operand) (pred, error) {
	name, err := c.textFor(r, nil)
	if err != nil {
		return nil, err
	}
	bit, err := c.env.label(name)
	if err != nil {
		bad := &Error{Pos: r.pos, Msg: "unknown label " + show(name)}
		var unknown *label.UnknownError
		if errors.As(err, &unknown) {
			bad.Hint = unknown.Hint()
		}
		return nil, bad
	}
	return func(row *field.Row) Tri {
		return truth(row.Need(field.PartLabels).Has(wire.HasLabels) && row.Need(field.PartLabels).Labels.Bit(bit))
	}, nil
}
