package filter

import (
	"fmt"
	"slices"
)

// sum reads a value: sums of products.
func (p *parser) sum() (Val, error) { return p.arith(p.product, "+", "-", "|") }

func (p *parser) product() (Val, error) { return p.arith(p.atom, "*", "/", "&") }

// arith reads values with operators between them, from the left.
func (p *parser) arith(item func() (Val, error), ops ...string) (Val, error) {
	l, err := item()
	for n := 0; err == nil && p.tok.kind == tokMark && slices.Contains(ops, p.tok.text); n++ {
		op := p.tok
		if err = p.advance(); err != nil {
			break
		}
		if n == maxDepth { // the tree grows to the left
			return nil, &Error{Pos: op.pos, Msg: fmt.Sprintf("more than %d operators in a row", maxDepth)}
		}
		var r Val
		if r, err = item(); err == nil {
			l = &Arith{op.text, l, r, op.pos}
		}
	}
	return l, err
}

// atom reads a field, literal, string, parameter, function call or a value in
// parentheses.
func (p *parser) atom() (Val, error) {
	t := p.tok
	switch {
	case t.kind == tokWord && slices.Contains(keywords, t.text), t.kind == tokEnd:
		return nil, p.unexpected("a field or value")
	case t.kind == tokLiteral:
		return &Literal{t.text, t.pos}, p.advance()
	case t.kind == tokString:
		return &Text{t.text, t.pos}, p.advance()
	case t.kind == tokParam:
		return &Param{t.text[1:], t.pos}, p.advance()
	case t.kind == tokWord:
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.is("(") {
			return &Word{t.text, t.pos}, nil
		}
		return p.call(t)
	case p.is("("):
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		if err := p.advance(); err != nil {
			return nil, err
		}
		v, err := p.sum()
		if err != nil {
			return nil, err
		}
		if ok, err := p.take(")"); !ok || err != nil {
			return nil, or(err, p.unexpected(`")"`))
		}
		return v, nil
	}
	return nil, p.unexpected("a field or value")
}

// call reads the arguments of a function, whose name was read.
func (p *parser) call(name token) (Val, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	c := &Call{Fn: name.text, Pos: name.pos}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for {
		v, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, v)
		if ok, err := p.take(")"); ok || err != nil {
			return c, err
		}
		if ok, err := p.take(","); !ok || err != nil {
			return nil, or(err, p.unexpected(`"," or ")"`))
		}
	}
}
