package filter

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// way is one way to meet a condition: the values that fields must have. What is
// not in it is open.
type way map[string][]field.Value

// ways lists how a condition can be met. A condition that says nothing of the
// fields at hand, or has more ways than most, is taken as always met.
func (c *compiler) ways(e Expr, most int) []way {
	switch e := e.(type) {
	case And:
		list := []way{{}}
		for _, x := range e {
			list = product(list, c.ways(x, most), most)
		}
		return list
	case Or:
		var list []way
		for _, x := range e {
			if list = append(list, c.ways(x, most)...); len(list) > most {
				return []way{{}}
			}
		}
		return list
	case *In:
		if values, ok := c.singles(e, most); ok && !e.Not {
			return []way{c.oneOf(e, values)}
		}
	case *Cmp, *Flag:
		if x, ok := c.exactTerm(e); ok && x.whole() {
			return []way{{x.Field.Name: {x.Value}}}
		}
	}
	return []way{{}}
}

// oneOf is the way to meet a set of single values.
func (c *compiler) oneOf(e *In, values []Val) way {
	w := way{}
	for _, v := range values {
		x, ok := c.exactCmp(&Cmp{"==", e.X, v, e.Pos})
		if !ok {
			return way{}
		}
		w[x.Field.Name] = append(w[x.Field.Name], x.Value)
	}
	return w
}

// whole tells whether a field has one value, without a mask.
func (x *Exact) whole() bool { return x.Mask == ^uint32(0) }

// product lists the ways to meet two conditions at once. Where there would be
// more than most, the second is left out.
func product(a, b []way, most int) []way {
	if len(a)*len(b) > most {
		return a
	}
	list := []way{}
	for _, x := range a {
		for _, y := range b {
			if w, ok := x.and(y); ok {
				list = append(list, w)
			}
		}
	}
	return list
}

// and joins two ways; it is false where they contradict one another.
func (w way) and(x way) (way, bool) {
	joint := way{}
	for name, values := range w {
		joint[name] = values
	}
	for name, values := range x {
		if mine, ok := joint[name]; ok {
			values = slices.DeleteFunc(slices.Clone(mine), func(v field.Value) bool { return !slices.Contains(values, v) })
			if len(values) == 0 {
				return nil, false
			}
		}
		joint[name] = values
	}
	return joint, true
}

// numbers lists the values of a field. One that is no whole number is that of
// no flow.
func (w way) numbers(name string) (list []uint16, ok bool) {
	values, ok := w[name]
	for _, v := range values {
		if n := uint16(v.Num); float64(n) == v.Num {
			list = append(list, n)
		}
	}
	return list, ok
}

// protos lists the protocols: those by name, those by number, or what is both.
func (w way) protos() (list []uint8, ok bool) {
	numbers, byNumber := w.numbers("protonum")
	texts, byName := w["proto"]
	for _, n := range numbers {
		if !byName || slices.Contains(texts, field.Value{Str: wire.ProtoName(uint8(n))}) {
			list = append(list, uint8(n))
		}
	}
	if byNumber {
		return list, true
	}
	for _, v := range texts {
		if p, ok := wire.ParseProto(v.Str); ok {
			list = append(list, p)
		}
	}
	return list, byName
}
