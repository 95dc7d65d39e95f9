package query

import (
	"fmt"
	"sort"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Filter selects flows: all of its terms must hold. The zero Filter selects
// every flow.
type Filter struct {
	terms []term
	extra bool // some term needs more than a wire.Flow
}

// term holds where the field has one of the values.
type term struct {
	field  *Field
	values []Value
	mask   uint32 // of a masked field; ^0 where no mask was given
	masked bool
}

// Compile makes a filter from the table form: field names and for each a
// string, number or boolean, or a list of them of which one must match. An
// empty table is an error, because somebody whose variables are empty does
// not mean every flow.
func Compile(table map[string]any) (Filter, error) {
	if len(table) == 0 {
		return Filter{}, &Error{"", "empty; say ct.all to mean every flow"}
	}
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	sort.Strings(names)
	var f Filter
	for _, name := range names {
		t, err := compileTerm(name, table[name])
		if err != nil {
			return Filter{}, err
		}
		f.terms = append(f.terms, t)
		f.extra = f.extra || t.field.extra
	}
	return f, f.checkFamilies()
}

// And returns the filter that selects what both select.
func (f Filter) And(g Filter) (Filter, error) {
	both := Filter{terms: append(append([]term(nil), f.terms...), g.terms...), extra: f.extra || g.extra}
	return both, both.checkFamilies()
}

// IsAll tells whether f selects every flow.
func (f Filter) IsAll() bool { return len(f.terms) == 0 }

func compileTerm(name string, given any) (term, error) {
	field, ok := Lookup(name)
	if !ok {
		return term{}, &Error{"", fmt.Sprintf("unknown field %q", name) + suggest.Hint(name, Names())}
	}
	t := term{field: field, mask: ^uint32(0)}
	list, ok := given.([]any)
	if !ok {
		list = []any{given}
	}
	if len(list) == 0 {
		return term{}, &Error{name, "empty list: no flow could match"}
	}
	for _, g := range list {
		g, err := t.takeMask(g, len(list))
		if err != nil {
			return term{}, err
		}
		v, err := field.parse(g)
		if err != nil {
			return term{}, err
		}
		t.values = append(t.values, v)
	}
	if t.masked && uint32(t.values[0].Num)&^t.mask != 0 {
		return term{}, &Error{name, fmt.Sprintf("%#x has bits outside the mask %#x: no flow could match", uint32(t.values[0].Num), t.mask)}
	}
	return t, nil
}

// takeMask splits "value/mask" where the field allows it.
func (t *term) takeMask(given any, among int) (any, error) {
	s, ok := given.(string)
	if !ok || !t.field.mask {
		return given, nil
	}
	value, mask, ok := strings.Cut(s, "/")
	if !ok {
		return given, nil
	}
	if among > 1 {
		return nil, &Error{t.field.Name, "a mask cannot stand in a list"}
	}
	m, err := number(mask)
	if err != nil || m < 1 || m > max32 {
		return nil, &Error{t.field.Name, fmt.Sprintf("mask %q is not a number from 1 to 0xffffffff", mask)}
	}
	t.mask, t.masked = uint32(m), true
	return value, nil
}

// checkFamilies refuses terms that no flow can meet together because one
// wants IPv4 and another IPv6.
func (f Filter) checkFamilies() error {
	var first string
	var v4 bool
	for _, t := range f.terms {
		for _, v := range t.values {
			var is4 bool
			switch {
			case t.field.Kind == Address:
				is4 = v.Addr.Is4()
			case t.field.Name == "family" && v.Num == 5:
				return &Error{"family", "5 is neither 4 nor 6"}
			case t.field.Name == "family" && len(t.values) == 1:
				is4 = v.Num == 4
			default:
				continue
			}
			if first == "" {
				first, v4 = t.field.Name, is4
			} else if is4 != v4 && first != t.field.Name {
				return &Error{t.field.Name, fmt.Sprintf("its family differs from that of %s: no flow could match", first)}
			}
		}
	}
	return nil
}

// Match tells whether e passes. Where f does not need it, only e.Flow is
// looked at.
func (f Filter) Match(e *wire.Entry) bool {
	for i := range f.terms {
		if !f.terms[i].match(e) {
			return false
		}
	}
	return true
}

func (t *term) match(e *wire.Entry) bool {
	got, ok := t.field.Get(e)
	if !ok {
		return false
	}
	if t.masked {
		return uint32(got.Num)&t.mask == uint32(t.values[0].Num)
	}
	for i := range t.values {
		if t.values[i] == got {
			return true
		}
	}
	return false
}

// String renders f in the table form.
func (f Filter) String() string {
	if f.IsAll() {
		return "all"
	}
	parts := make([]string, len(f.terms))
	for i, t := range f.terms {
		parts[i] = t.field.Name + "=" + t.text()
	}
	return strings.Join(parts, ", ")
}

func (t *term) text() string {
	texts := make([]string, len(t.values))
	for i, v := range t.values {
		texts[i] = t.field.Format(v)
		if t.masked {
			texts[i] = fmt.Sprintf("%#x/%#x", uint32(v.Num), t.mask)
		}
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "{" + strings.Join(texts, ",") + "}"
}
