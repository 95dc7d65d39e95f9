package nft

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/bindings/kernel/nft"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

// elements reads an element, or a list of them. In a table for a set of
// combinations the items are the values of one element, unless each of them is
// a whole element.
func (o *object) elements(c *registry.Call, v lua.LValue) []nft.Element {
	t, ok := v.(*lua.LTable)
	if !ok {
		return []nft.Element{o.element(c, "element", v)}
	}
	items := o.items(c, "element", t)
	if len(o.s.Key) > 1 && !allWhole(items) {
		return []nft.Element{o.element(c, "element", v)}
	}
	list := make([]nft.Element, len(items))
	for i, item := range items {
		list[i] = o.element(c, "element", item)
	}
	return list
}

// items are those of a list, which must have some and nothing else.
func (o *object) items(c *registry.Call, name string, t *lua.LTable) []lua.LValue {
	n := 0
	t.ForEach(func(lua.LValue, lua.LValue) { n++ })
	switch {
	case n == 0:
		c.Bad(name, "empty list")
	case n != t.Len():
		c.Bad(name, "want a list, got a table with named fields or gaps")
	}
	list := make([]lua.LValue, n)
	for i := range list {
		list[i] = t.RawGetInt(i + 1)
	}
	return list
}

// allWhole tells whether each item is an element of several values.
func allWhole(items []lua.LValue) bool {
	for _, v := range items {
		if v.Type() != lua.LTTable && !strings.Contains(lua.LVAsString(v), " . ") {
			return false
		}
	}
	return true
}

// element reads one element: text, a number, or a list of its values.
func (o *object) element(c *registry.Call, name string, v lua.LValue) nft.Element {
	var parts []string
	if t, ok := v.(*lua.LTable); ok && len(o.s.Key) > 1 {
		for _, item := range o.items(c, name, t) {
			parts = append(parts, text(c, name, item))
		}
	} else {
		parts = append(parts, text(c, name, v))
	}
	e, err := o.s.Parse(parts...)
	c.Raise(fail(c.Op(), err))
	return e
}

// text is a value of an element as text.
func text(c *registry.Call, name string, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		if strings.TrimSpace(string(v)) == "" {
			c.Bad(name, "empty string")
		}
		return string(v)
	case lua.LNumber:
		if f := float64(v); f != math.Trunc(f) || f < 0 || f > math.MaxUint32 {
			c.Bad(name, "want a whole number from 0 to %d, got %s", uint32(math.MaxUint32), v)
		}
		return v.String()
	}
	c.Bad(name, "want text or a number, got %s", value.Describe(v))
	return ""
}
