package filter

import (
	"fmt"
	"net/netip"
	"sort"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// in compiles "x in set".
func (c *compiler) in(e *In) (pred, error) {
	l, err := c.operand(e.X)
	if err != nil {
		return nil, err
	}
	if l.word != "" {
		return nil, c.unknownField(l.word, l.pos)
	}
	if l.literal != nil {
		return nil, &Error{Pos: l.pos, Msg: `a constant stands before "in": want a field`}
	}
	items, err := c.items(e)
	if err != nil {
		return nil, err
	}
	if len(l.either) > 0 {
		p, err := c.anyIn(l, items)
		return negated(p, e.Not), err
	}
	return c.memberOf(l, items, e.Not)
}

// items are the members of a set, with those of a parameter in its place.
func (c *compiler) items(e *In) (list []*operand, err error) {
	for _, v := range e.Items {
		p, ok := v.(*Param)
		if !ok {
			o, err := c.operand(v)
			if err != nil {
				return nil, err
			}
			if o.word == "" && o.literal == nil {
				return nil, &Error{Pos: o.pos, Msg: "a field stands in a set: want values"}
			}
			list = append(list, o)
			continue
		}
		given, err := c.param(p)
		if err != nil {
			return nil, err
		}
		members, err := membersOf(given)
		if err != nil {
			return nil, &Error{Pos: p.Pos, Msg: fmt.Sprintf("parameter $%s: %s", p.Name, err)}
		}
		for _, m := range members {
			k, err := constantOf(m)
			if err != nil {
				return nil, &Error{Pos: p.Pos, Msg: fmt.Sprintf("parameter $%s: %s", p.Name, err)}
			}
			list = append(list, &operand{literal: k, pos: p.Pos})
		}
	}
	return list, nil
}

// membersOf lists the members of a parameter: a list, the keys of a map, or
// the value itself. A set without members is refused like an empty string.
func membersOf(given any) ([]any, error) {
	var list []any
	switch v := given.(type) {
	case []any:
		list = v
	case map[string]any:
		for k := range v {
			list = append(list, k)
		}
		sort.Slice(list, func(i, j int) bool { return list[i].(string) < list[j].(string) })
	default:
		return []any{given}, nil
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("an empty set: nothing could match")
	}
	for i, m := range list {
		if m == nil || m == "" {
			return nil, fmt.Errorf("item %d is empty", i+1)
		}
	}
	return list, nil
}

// anyIn holds where any of several fields is in the set.
func (c *compiler) anyIn(l *operand, items []*operand) (pred, error) {
	var list []pred
	for _, f := range l.either {
		p, err := c.memberOf(fieldOperand(f, l.pos), items, false)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return anyOf(list), nil
}

// memberOf holds where a value is in the set, or with not where it is not.
func (c *compiler) memberOf(l *operand, items []*operand, not bool) (pred, error) {
	switch l.kind {
	case field.Number:
		return c.numberIn(l, items, not)
	case field.Address:
		return addrIn(l, items, not)
	case field.Labels:
		var list []pred
		for _, o := range items {
			p, err := c.labelIs(o)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		return negated(anyOf(list), not), nil
	case field.Flag:
		return nil, &Error{Pos: l.pos, Msg: "true or false is not matched with a set"}
	}
	return c.textIn(l, items, not)
}

func (c *compiler) numberIn(l *operand, items []*operand, not bool) (pred, error) {
	var spans []span
	for _, o := range items {
		if o.literal != nil && o.literal.kind == constRange {
			lo, hi := *o, *o
			lo.literal = &constant{num: o.literal.num, unit: o.literal.unit}
			hi.literal = &constant{num: o.literal.hi, unit: o.literal.unit}
			a, err := c.number(&lo, l.field, l.unit)
			if err != nil {
				return nil, err
			}
			b, err := c.number(&hi, l.field, l.unit)
			if err != nil {
				return nil, err
			}
			spans = append(spans, span{a, b})
			continue
		}
		n, err := c.number(o, l.field, l.unit)
		if err != nil {
			return nil, err
		}
		spans = append(spans, span{n, n})
	}
	return within(l, spans, not), nil
}

func addrIn(l *operand, items []*operand, not bool) (pred, error) {
	var list []addrRange
	for _, o := range items {
		k := o.literal
		switch {
		case k == nil || k.kind != constAddr && k.kind != constPrefix && k.kind != constAddrRange:
			return nil, &Error{Pos: o.pos, Msg: "want an address or network, got " + o.what()}
		case k.kind == constAddr:
			list = append(list, rangeOf(k.addr, k.addr))
		case k.kind == constAddrRange && k.addr.Is4():
			list = append(list, rangeOf(k.addr, k.hiAddr))
		case k.kind == constAddrRange:
			list = append(list, rangeOf(k.addr, k.hiAddr).sixOnly()...)
		case k.prefix.Addr().Is4():
			list = append(list, rangeOf(k.prefix.Addr(), lastOf(k.prefix)))
		default:
			list = append(list, rangeOf(k.prefix.Addr(), lastOf(k.prefix)).sixOnly()...)
		}
	}
	return addrWithin(l.wide, list, not), nil
}

// prefixes covers the addresses from lo to hi with as few networks as can be.
func prefixes(lo, hi netip.Addr) (list []netip.Prefix) {
	for {
		bits := lo.BitLen()
		for bits > 0 {
			p, _ := lo.Prefix(bits - 1)
			if p.Addr() != lo || hi.Less(lastOf(p)) {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(lo, bits)
		list = append(list, p)
		last := lastOf(p)
		if last == hi || !last.Next().IsValid() {
			return list
		}
		lo = last.Next()
	}
}

// lastOf is the highest address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (c *compiler) textIn(l *operand, items []*operand, not bool) (pred, error) {
	var list []string
	set := map[string]struct{}{}
	for _, o := range items {
		s, err := c.textFor(o, l.field)
		if err != nil {
			return nil, err
		}
		list, set[s] = append(list, s), struct{}{}
	}
	if isProto(l) {
		return protoIn(list, not), nil
	}
	get := l.text
	in, out := answers(not)
	return func(r *field.Row) Tri {
		s, ok := get(r)
		if !ok {
			return Unknown
		}
		if _, ok = set[s]; ok {
			return in
		}
		return out
	}, nil
}

// isProto tells whether an operand is the protocol of a flow, which is compared
// by number.
func isProto(o *operand) bool { return o.field != nil && o.field == protoField }

var (
	protoField, _  = field.Flow.Lookup("proto")
	protoNumber, _ = field.Flow.Lookup("protonum")
)

// protoIn holds where the protocol is one of those with these names.
func protoIn(list []string, not bool) pred {
	var spans []span
	for _, name := range list {
		p, _ := wire.ParseProto(name) // textFor made it
		spans = append(spans, span{float64(p), float64(p)})
	}
	return within(fieldOperand(protoNumber, 0), spans, not)
}
