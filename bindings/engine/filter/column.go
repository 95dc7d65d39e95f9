package filter

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Column is a value that a query asks for.
type Column struct {
	*field.Field
	Text    string // as it would be typed
	Reverse bool   // of a sort key: the largest first
}

// Columns reads a list of values: fields and computations, each perhaps with a
// name of its own:
//
//	src, net(dst, 24) as lan, bytes / age as bps
//
// A value without a name is called as it is written. Names must differ.
func Columns(text string, params Params, env *Env) ([]Column, error) {
	list, err := columns(text, params, env, false)
	return list, locate(err, text)
}

// SortKeys reads a list of values of which each may begin with "-", for the
// largest first.
func SortKeys(text string, params Params, env *Env) ([]Column, error) {
	list, err := columns(text, params, env, true)
	return list, locate(err, text)
}

// maxColumns is how many values a row can have.
const maxColumns = 64

func columns(text string, params Params, env *Env, signs bool) (list []Column, err error) {
	p := &parser{lex: lexer{text: text}}
	c := newCompiler(params, env)
	if len(text) > maxText {
		return nil, &Error{Msg: fmt.Sprintf("%d bytes long, at most %d are read", len(text), maxText)}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokEnd {
		return nil, &Error{Msg: "empty", Hint: "name fields, such as src, bytes"}
	}
	names := map[string]bool{}
	for {
		col, err := p.column(c, signs)
		if err != nil {
			return nil, err
		}
		if names[col.Name] {
			return nil, &Error{Pos: p.tok.pos, Msg: "two columns are called " + show(col.Name), Hint: `name one: "... as other"`}
		}
		names[col.Name] = true
		if list = append(list, col); len(list) > maxColumns {
			return nil, &Error{Pos: p.tok.pos, Msg: fmt.Sprintf("more than %d columns", maxColumns)}
		}
		if p.tok.kind == tokEnd {
			return list, c.unused()
		}
		if ok, err := p.take(","); !ok || err != nil {
			return nil, or(err, p.unexpected(`"," or the end`))
		}
	}
}

// column reads one value, its sign and its name.
func (p *parser) column(c *compiler, signs bool) (col Column, err error) {
	if signs {
		if col.Reverse, err = p.take("-"); err != nil {
			return col, err
		}
		if !col.Reverse {
			if _, err = p.take("+"); err != nil {
				return col, err
			}
		}
	}
	v, err := p.sum()
	if err != nil {
		return col, err
	}
	name := ""
	if as, err := p.take("as"); err != nil {
		return col, err
	} else if as {
		if p.tok.kind != tokWord {
			return col, p.unexpected("a name")
		}
		name = p.tok.text
		if err := p.advance(); err != nil {
			return col, err
		}
	}
	col.Field, col.Text, err = c.column(v, name)
	return col, err
}

// column makes a field of a value.
func (c *compiler) column(v Val, name string) (*field.Field, string, error) {
	o, err := c.operand(v)
	if err != nil {
		return nil, "", err
	}
	text, constant := PrintValue(v), true
	c.eachField(v, func(*field.Field) { constant = false })
	switch {
	case o.word != "":
		return nil, "", c.unknownField(o.word, o.pos)
	case constant:
		return nil, "", &Error{Pos: v.at(), Msg: "a constant is the same for every row: want a field"}
	case len(o.either) > 0:
		return nil, "", &Error{Pos: o.pos, Msg: "host, net and port match any end and have no value of their own", Hint: "name src, dst, sport or dport"}
	case o.field != nil && (name == "" || name == o.field.Name):
		return o.field, text, nil
	}
	f := field.Field{Name: name, Kind: o.kind, Unit: o.unit, Max: maxNumber, Min: -maxNumber, Part: c.parts(v), Needs: c.needs(v)}
	if name == "" {
		f.Name = text
	} else {
		text += " as " + name
	}
	if o.field != nil {
		f.Doc, f.Words, f.Mask = o.field.Doc, o.field.Words, o.field.Mask
		return field.Compute(f, o.field.Reader()), text, nil
	}
	return field.Compute(f, o.value()), text, nil
}

// maxNumber bounds what is compared with a computed number: nothing is known
// of it.
const maxNumber = 1 << 62

// value reads an operand that is no field.
func (o *operand) value() func(*field.Row) (field.Value, bool) {
	switch {
	case o.num != nil:
		get := o.num
		return func(r *field.Row) (field.Value, bool) { n, ok := get(r); return field.Value{Num: n}, ok }
	case o.addr != nil:
		get := o.addr
		return func(r *field.Row) (field.Value, bool) {
			a, ok := get(r)
			if !ok {
				a = wire.Addr{}
			}
			return field.Value{Addr: a}, ok
		}
	}
	get := o.text
	return func(r *field.Row) (field.Value, bool) { s, ok := get(r); return field.Value{Str: s}, ok }
}

// parts is what must be decoded to tell a value.
func (c *compiler) parts(v Val) (p field.Part) {
	c.eachField(v, func(f *field.Field) { p |= f.Part })
	return p
}

// needs is the sysctl that a value asks for.
func (c *compiler) needs(v Val) (s string) {
	c.eachField(v, func(f *field.Field) {
		if s == "" {
			s = f.Needs
		}
	})
	return s
}

// eachField visits the fields that a value is made of.
func (c *compiler) eachField(v Val, fn func(*field.Field)) {
	switch v := v.(type) {
	case *Word:
		o := c.word(v)
		if o.field != nil {
			fn(o.field)
		}
		for _, f := range o.either {
			fn(f)
		}
	case *Call:
		for _, a := range v.Args {
			c.eachField(a, fn)
		}
	case *Arith:
		c.eachField(v.L, fn)
		c.eachField(v.R, fn)
	}
}

// AggregateCall is an aggregate as it was typed: "sum(bytes)".
type AggregateCall struct {
	Func string
	Of   *field.Field // nil for none
	Arg  float64      // a number before it: pct(95, age)
}

// Aggregate reads a word, or a word with what it is applied to in parentheses:
// "count", "sum(bytes)", "pct(95, age)". Which words there are is not known
// here.
func Aggregate(text string, env *Env) (a AggregateCall, err error) {
	a, err = aggregate(text, env)
	return a, locate(err, text)
}

func aggregate(text string, env *Env) (a AggregateCall, err error) {
	p := &parser{lex: lexer{text: text}}
	c := newCompiler(nil, env)
	if err := p.advance(); err != nil {
		return a, err
	}
	v, err := p.atom()
	if err != nil {
		return a, err
	}
	if p.tok.kind != tokEnd {
		return a, p.unexpected("the end")
	}
	var args []Val
	switch v := v.(type) {
	case *Word:
		a.Func = v.Name
	case *Call:
		a.Func, args = v.Fn, v.Args
	default:
		return a, &Error{Pos: v.at(), Msg: "want an aggregate such as sum(bytes)"}
	}
	if len(args) == 2 {
		o, err := c.operand(args[0])
		if err != nil {
			return a, err
		}
		if o.literal == nil || o.literal.kind != constNumber {
			return a, &Error{Pos: args[0].at(), Msg: "want a number, as in pct(95, age)"}
		}
		if a.Arg = o.literal.num; o.literal.unit == "share" {
			a.Arg *= 100
		}
		args = args[1:]
	}
	switch len(args) {
	case 0:
		return a, nil
	case 1:
		a.Of, _, err = c.column(args[0], "")
		return a, err
	}
	return a, &Error{Pos: v.at(), Msg: "too many arguments"}
}
