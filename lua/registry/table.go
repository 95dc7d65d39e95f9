package registry

import (
	"net/netip"

	lua "github.com/yuin/gopher-lua"
)

// Table is an argument whose fields were declared. T is nil where it was left
// out; its fields are then absent.
type Table struct {
	T      *lua.LTable
	call   *Call
	params []Param
}

// Get returns a field as it is, nil where it is absent.
func (t *Table) Get(key string) lua.LValue {
	if t.T == nil {
		return lua.LNil
	}
	return t.T.RawGetString(key)
}

// Has tells whether a field is there.
func (t *Table) Has(key string) bool { return t.Get(key) != lua.LNil }

// Number returns a number in its base unit, an absent one as its default or 0.
func (t *Table) Number(key string) float64 { return numeric(t.param(key), t.Get(key)) }

// Int returns a whole number, an absent one as its default or 0.
func (t *Table) Int(key string) int { return int(t.Number(key)) }

// Text returns a string, an absent one as its default or "".
func (t *Table) Text(key string) string { return textual(t.param(key), t.Get(key)) }

// Bool returns a boolean, false where it is absent.
func (t *Table) Bool(key string) bool { return lua.LVAsBool(t.Get(key)) }

// Func returns a function, nil where it is absent.
func (t *Table) Func(key string) *lua.LFunction { f, _ := t.Get(key).(*lua.LFunction); return f }

// Addr returns an address, the zero one where it is absent.
func (t *Table) Addr(key string) netip.Addr { a, _ := parseAddr(lua.LVAsString(t.Get(key))); return a }

// Masked returns a value and its mask, all ones where none was given.
func (t *Table) Masked(key string) (val, mask uint32) { return masked(t.Get(key)) }

// Bad raises an error about a field that fits its type and still cannot be.
func (t *Table) Bad(key, format string, args ...any) { t.call.Bad(key, format, args...) }

// param is the declaration of a field.
func (t *Table) param(key string) *Param {
	for i := range t.params {
		if t.params[i].Name == key {
			return &t.params[i]
		}
	}
	panic(t.call.Op() + " has no field " + key)
}
