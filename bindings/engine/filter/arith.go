package filter

import (
	"fmt"
	"math"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// arith compiles a computation. What is computed with a missing value is
// missing.
func (c *compiler) arith(v *Arith) (*operand, error) {
	l, err := c.numeric(v.L)
	if err != nil {
		return nil, err
	}
	r, err := c.numeric(v.R)
	if err != nil {
		return nil, err
	}
	o := &operand{kind: field.Number, pos: v.Pos, unit: l.unit}
	switch v.Op {
	case "+", "-":
		if l.unit != r.unit && l.unit != "" && r.unit != "" {
			return nil, &Error{Pos: v.Pos, Msg: fmt.Sprintf("%s and %s do not add up", l.what(), r.what())}
		}
		if o.unit == "" {
			o.unit = r.unit
		}
	case "*":
		if l.unit != "" && r.unit != "" {
			o.unit = ""
		} else if o.unit == "" {
			o.unit = r.unit
		}
	case "/":
		if r.unit != "" {
			o.unit = "" // bytes a second compare with plain numbers, and 10MB/1s
		}
	default:
		if l.unit != "" || r.unit != "" {
			return nil, &Error{Pos: v.Pos, Msg: "bits are those of plain numbers"}
		}
	}
	apply := operation(v.Op)
	ln, rn := l.num, r.num
	o.num = func(row *field.Row) (float64, bool) {
		a, ok := ln(row)
		if !ok {
			return 0, false
		}
		b, ok := rn(row)
		if !ok {
			return 0, false
		}
		n := apply(a, b)
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return o, nil
}

func operation(op string) func(a, b float64) float64 {
	switch op {
	case "+":
		return func(a, b float64) float64 { return a + b }
	case "-":
		return func(a, b float64) float64 { return a - b }
	case "*":
		return func(a, b float64) float64 { return a * b }
	case "/":
		return func(a, b float64) float64 { return a / b }
	case "&":
		return func(a, b float64) float64 { return float64(uint64(a) & uint64(b)) }
	}
	return func(a, b float64) float64 { return float64(uint64(a) | uint64(b)) }
}

// numeric types a part of a computation.
func (c *compiler) numeric(v Val) (*operand, error) {
	o, err := c.operand(v)
	if err != nil {
		return nil, err
	}
	switch {
	case o.num != nil:
		return o, nil
	case o.word != "":
		return nil, c.unknownField(o.word, o.pos)
	case o.literal != nil && o.literal.kind == constNumber:
		n := o.literal.num
		return &operand{kind: field.Number, unit: strings.Replace(o.literal.unit, "share", "", 1), pos: o.pos,
			num: func(*field.Row) (float64, bool) { return n, true }}, nil
	}
	return nil, &Error{Pos: o.pos, Msg: "want a number to compute with, got " + o.what()}
}

// functions are what can be applied to values, with what they take.
var functions map[string]function

type function struct {
	usage    string
	min, max int // arguments
	make     func(*compiler, *Call) (*operand, error)
}

// Their arguments may be calls again, so the table is filled when all is there.
func init() {
	functions = map[string]function{
		"net":   {"net(src, 24)", 2, 3, (*compiler).netOf},
		"svc":   {"svc(dport)", 1, 1, (*compiler).svcOf},
		"abs":   {"abs(x)", 1, 1, (*compiler).absOf},
		"min":   {"min(a, b, ...)", 1, 16, func(c *compiler, v *Call) (*operand, error) { return c.extreme(v, math.Min) }},
		"max":   {"max(a, b, ...)", 1, 16, func(c *compiler, v *Call) (*operand, error) { return c.extreme(v, math.Max) }},
		"lower": {"lower(helper)", 1, 1, (*compiler).lowerOf},
	}
}

func (c *compiler) call(v *Call) (*operand, error) {
	f, ok := functions[v.Fn]
	if !ok {
		var list []string
		for name := range functions {
			list = append(list, name)
		}
		return nil, &Error{Pos: v.Pos, Msg: "unknown function " + show(v.Fn), Hint: hint(v.Fn, list)}
	}
	if len(v.Args) < f.min || len(v.Args) > f.max {
		return nil, &Error{Pos: v.Pos, Msg: fmt.Sprintf("%s is called as in %s", v.Fn, f.usage)}
	}
	return f.make(c, v)
}

func (c *compiler) absOf(v *Call) (*operand, error) {
	x, err := c.numeric(v.Args[0])
	if err != nil {
		return nil, err
	}
	get := x.num
	return &operand{kind: field.Number, unit: x.unit, pos: v.Pos, num: func(r *field.Row) (float64, bool) {
		n, ok := get(r)
		return math.Abs(n), ok
	}}, nil
}

func (c *compiler) extreme(v *Call, pick func(a, b float64) float64) (*operand, error) {
	o := &operand{kind: field.Number, pos: v.Pos}
	var gets []func(*field.Row) (float64, bool)
	for _, a := range v.Args {
		x, err := c.numeric(a)
		if err != nil {
			return nil, err
		}
		if o.unit != "" && x.unit != "" && o.unit != x.unit {
			return nil, &Error{Pos: x.pos, Msg: "values of different units are compared"}
		}
		if o.unit == "" {
			o.unit = x.unit
		}
		gets = append(gets, x.num)
	}
	o.num = func(r *field.Row) (float64, bool) {
		best, ok := gets[0](r)
		for _, get := range gets[1:] {
			n, has := get(r)
			best, ok = pick(best, n), ok && has
		}
		return best, ok
	}
	return o, nil
}

// netOf is the network of an address: net(src, 24), and for IPv6 the third
// argument, 64 where it is left out.
func (c *compiler) netOf(v *Call) (*operand, error) {
	x, err := c.operand(v.Args[0])
	if err != nil {
		return nil, err
	}
	if x.wide == nil {
		return nil, &Error{Pos: x.pos, Msg: "net: want an address, got " + x.what()}
	}
	bits := [2]int{0, 64}
	for i, a := range v.Args[1:] {
		o, err := c.operand(a)
		if err != nil {
			return nil, err
		}
		limit := [2]float64{32, 128}[i]
		if o.literal == nil || o.literal.kind != constNumber || o.literal.unit != "" || o.literal.num != math.Trunc(o.literal.num) || o.literal.num > limit {
			return nil, &Error{Pos: a.at(), Msg: fmt.Sprintf("net: want a prefix length from 0 to %g", limit)}
		}
		bits[i] = int(o.literal.num)
	}
	get, four, six := x.wide, maskOf(96+bits[0]), maskOf(bits[1])
	o := &operand{kind: field.Address, pos: v.Pos}
	o.readAddr(func(r *field.Row) (wire.AddrWords, bool) {
		a, ok := get(r)
		mask := six
		if a.Is4() {
			mask = four
		}
		return wire.AddrWords{Hi: a.Hi & mask.Hi, Lo: a.Lo & mask.Lo}, ok
	})
	return o, nil
}

// maskOf has the first bits of an address set.
func maskOf(bits int) wire.AddrWords {
	return wire.AddrWords{Hi: ^(^uint64(0) >> min(bits, 64)), Lo: ^(^uint64(0) >> max(bits-64, 0))}
}

func (c *compiler) lowerOf(v *Call) (*operand, error) {
	x, err := c.operand(v.Args[0])
	if err != nil {
		return nil, err
	}
	if x.text == nil {
		return nil, &Error{Pos: x.pos, Msg: "lower: want a text, got " + x.what()}
	}
	get := x.text
	return &operand{kind: field.Text, pos: v.Pos, text: func(r *field.Row) (string, bool) {
		s, ok := get(r)
		return strings.ToLower(s), ok
	}}, nil
}

// svcOf is the name of the service of a port, the number where it has none.
func (c *compiler) svcOf(v *Call) (*operand, error) {
	x, err := c.numeric(v.Args[0])
	if err != nil {
		return nil, err
	}
	get, name := x.num, c.env.ServiceName
	return &operand{kind: field.Text, pos: v.Pos, text: func(r *field.Row) (string, bool) {
		n, ok := get(r)
		if !ok {
			return "", false
		}
		if name != nil {
			if s, known := name(uint16(n)); known {
				return s, true
			}
		}
		return plain(n), true
	}}, nil
}
