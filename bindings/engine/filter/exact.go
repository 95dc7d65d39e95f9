package filter

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Exact says that a field has one value: what the kernel can compare.
type Exact struct {
	Field *field.Field
	Value field.Value
	Mask  uint32 // of a masked number, all ones where none was given
	pos   int
}

// exactly finds the exact terms among the conjuncts of a condition. Their
// constants were checked when it was compiled.
func (c *compiler) exactly(e Expr) ([]Exact, error) {
	list, ok := e.(And)
	if !ok {
		list = And{e}
	}
	var out []Exact
	for _, term := range list {
		if x, ok := c.exactTerm(term); ok {
			out = append(out, x)
		}
	}
	return out, contradiction(out)
}

func (c *compiler) exactTerm(e Expr) (x Exact, ok bool) {
	switch e := e.(type) {
	case *Flag:
		if f, ok := c.set.Lookup(e.Name); ok {
			return Exact{Field: f, Value: field.Value{On: true}, Mask: ^uint32(0), pos: e.Pos}, true
		}
		f, ok := c.set.Lookup("proto")
		p, known := wire.ParseProto(e.Name)
		return Exact{Field: f, Value: field.Value{Str: wire.ProtoName(p)}, Mask: ^uint32(0), pos: e.Pos}, ok && known
	case *Not:
		if x, ok = c.exactTerm(e.X); ok && x.Field.Kind == field.Flag {
			x.Value.On = !x.Value.On
			return x, true
		}
		return Exact{}, false
	case *In:
		if !e.Not && len(e.Items) == 1 {
			return c.exactTerm(&Cmp{"==", e.X, e.Items[0], e.Pos})
		}
		return Exact{}, false
	case *Cmp:
		return c.exactCmp(e)
	}
	return Exact{}, false
}

// impliedFamily is the family that conditions leave, where an address is
// matched with networks or addresses of one family; 0 where they leave both.
// With it the kernel can compare ports.
func (c *compiler) impliedFamily(list []Expr) uint8 {
	for _, e := range list {
		if family := c.familyOf(e); family != 0 {
			return family
		}
	}
	return 0
}

func (c *compiler) familyOf(e Expr) uint8 {
	in, ok := e.(*In)
	if cmp, isCmp := e.(*Cmp); isCmp && cmp.Op == "==" {
		in, ok = &In{X: cmp.L, Items: []Val{cmp.R}}, true
	}
	if !ok || in.Not {
		return 0
	}
	l, err := c.operand(in.X)
	if err != nil || l.literal != nil || l.kind != field.Address || l.field == nil && l.either == nil {
		return 0
	}
	items, err := c.items(in)
	if err != nil {
		return 0
	}
	four := 0
	for _, o := range items {
		if o.literal == nil || !o.literal.addr.IsValid() && !o.literal.prefix.IsValid() {
			return 0
		}
		if o.literal.addr.Is4() || o.literal.prefix.Addr().Is4() {
			four++
		}
	}
	switch four {
	case 0:
		return wire.FamilyIPv6
	case len(items):
		return wire.FamilyIPv4
	}
	return 0
}

func (c *compiler) exactCmp(e *Cmp) (x Exact, ok bool) {
	l, errL := c.operand(e.L)
	r, errR := c.operand(e.R)
	if e.Op != "==" || errL != nil || errR != nil {
		return x, false
	}
	if fixed(l) {
		l, r = r, l
	}
	if l.field == nil || !fixed(r) {
		return x, false
	}
	x = Exact{Field: l.field, Mask: ^uint32(0), pos: l.pos}
	var err error
	switch l.kind {
	case field.Number:
		if r.literal != nil && r.literal.kind == constMask {
			x.Value.Num, x.Mask = r.literal.num, r.literal.mask
			return x, true
		}
		x.Value.Num, err = c.number(r, l.field, l.unit)
	case field.Address:
		x.Value.Addr, err = address(r)
	case field.Text:
		x.Value.Str, err = c.textFor(r, l.field)
	case field.Flag:
		x.Value.On = r.literal != nil && r.literal.num == 1
	default:
		return x, false
	}
	return x, err == nil
}

// contradiction refuses terms that no flow can meet together: somebody who
// asks for them has made a mistake.
func contradiction(list []Exact) error {
	var address *Exact
	whole := map[*field.Field]*Exact{} // the first of each field without a mask
	for i := range list {
		x := &list[i]
		if x.Mask == ^uint32(0) {
			y := whole[x.Field]
			if y == nil {
				whole[x.Field] = x
			} else if x.Value != y.Value {
				return &Error{Pos: x.pos, Msg: fmt.Sprintf("%s cannot be %s and %s: no flow could match", x.Field.Name, y.Field.Format(y.Value), x.Field.Format(x.Value))}
			}
		}
		if x.Field.Kind == field.Address {
			if address != nil && address.Value.Addr.Is4() != x.Value.Addr.Is4() {
				return &Error{Pos: x.pos, Msg: fmt.Sprintf("the family of %s differs from that of %s: no flow could match", x.Field.Name, address.Field.Name)}
			}
			address = x
		}
	}
	return nil
}
