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
	set    *field.Set
}

func newCompiler(params Params, env *Env) *compiler {
	if env == nil {
		env = &Env{}
	}
	return &compiler{env: env, params: params, used: map[string]bool{}, set: env.fields()}
}

// cond compiles a condition.
func (c *compiler) cond(e Expr) (pred, error) {
	x, err := c.weighed(e)
	return x.pred, err
}

func (c *compiler) weighed(e Expr) (x weighed, err error) {
	switch e := e.(type) {
	case And:
		return c.joined(e, allOf)
	case Or:
		return c.joined(e, anyOf)
	case *Not:
		x, err = c.weighed(e.X)
		x.pred = negated(x.pred, true)
		return x, err
	case *Cmp:
		x.pred, err = c.compare(e)
	case *In:
		x.pred, err = c.in(e)
	case *Glob:
		x.pred, err = c.glob(e)
	case *Has:
		x.pred, err = c.has(e)
	default:
		x.pred, err = c.flag(e.(*Flag))
	}
	if err == nil {
		x.weight = c.weigh(e)
	}
	return x, err
}

// joined compiles conditions and joins them, the cheap ones first.
func (c *compiler) joined(list []Expr, join func([]pred) pred) (x weighed, err error) {
	parts := make([]weighed, len(list))
	for i, e := range list {
		if parts[i], err = c.weighed(e); err != nil {
			return x, err
		}
	}
	preds, w := lightFirst(parts)
	return weighed{join(preds), w}, nil
}

// allOf holds where all hold. The first decides most flows, so it is called
// outside the loop.
func allOf(list []pred) pred {
	first, rest := list[0], list[1:]
	return func(r *field.Row) Tri {
		least := first(r)
		if least == False {
			return False
		}
		for _, p := range rest {
			if least = min(least, p(r)); least == False {
				return False
			}
		}
		return least
	}
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

func (c *compiler) has(e *Has) (pred, error) {
	f, ok := c.set.Lookup(e.Field)
	if !ok {
		return nil, c.unknownField(e.Field, e.Pos)
	}
	return presence(f), nil
}

// presence holds where a row has a field.
func presence(f *field.Field) pred {
	switch o := fieldOperand(f, 0); {
	case o.whole != nil:
		get := o.whole
		return func(r *field.Row) Tri { _, ok := get(r); return truth(ok) }
	case o.num != nil:
		get := o.num
		return func(r *field.Row) Tri { _, ok := get(r); return truth(ok) }
	}
	get := f.Reader()
	return func(r *field.Row) Tri { _, ok := get(r); return truth(ok) }
}

func (c *compiler) unknownField(name string, pos int) error { return unknownField(c.set, name, pos) }

func unknownField(set *field.Set, name string, pos int) error {
	return &Error{Pos: pos, Msg: "unknown field " + show(name), Hint: hint(name, words(set))}
}

// flag is a word that stands alone.
func (c *compiler) flag(e *Flag) (pred, error) {
	if f, ok := c.set.Lookup(e.Name); ok {
		if f.Kind != field.Flag {
			return nil, &Error{Pos: e.Pos, Msg: fmt.Sprintf("%s is %s and is compared, as in %s; has(%s) asks whether it is there", e.Name, fieldOperand(f, 0).what(), sample(f), e.Name)}
		}
		get := f.FlagReader()
		return func(r *field.Row) Tri {
			on, ok := get(r)
			if !ok {
				return Unknown
			}
			return truth(on)
		}, nil
	}
	_, protos := c.set.Lookup("proto")
	if p, ok := wire.ParseProto(strings.ToLower(e.Name)); ok && protos {
		return c.compare(&Cmp{"==", &Word{"proto", e.Pos}, &Word{wire.ProtoName(p), e.Pos}, e.Pos})
	}
	if len(c.either(e.Name)) > 0 {
		return nil, &Error{Pos: e.Pos, Msg: e.Name + " is compared, as in " + e.Name + " == ..."}
	}
	among := words(c.set)
	if protos {
		among = append(among, wire.ProtoNames()...)
	}
	return nil, &Error{Pos: e.Pos, Msg: "unknown word " + show(e.Name), Hint: hint(e.Name, among)}
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
