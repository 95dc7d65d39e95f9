package registry

import (
	"errors"
	"fmt"
	"net/netip"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/unit"
)

// Call is one call from a script. Its arguments fit the signature when the
// binding sees them, so that the accessors only convert. They are counted from
// 1; the object of a method does not count.
type Call struct {
	L    *lua.LState
	decl *Decl
	skip int // 1 for a method, whose first argument is the object
}

// Op is what was called, as a script writes it: "flows:where"; "" where a field
// is read.
func (c *Call) Op() string {
	if c.decl == nil {
		return ""
	}
	return c.decl.Path
}

// Len is the number of arguments given.
func (c *Call) Len() int { return max(0, c.L.GetTop()-c.skip) }

// Get returns an argument as it is, nil where none was given.
func (c *Call) Get(n int) lua.LValue { return c.L.Get(n + c.skip) }

// Has tells whether an argument was given and is not nil.
func (c *Call) Has(n int) bool { return c.Get(n) != lua.LNil }

// Number returns a number, a duration in seconds, a size in bytes, a rate a
// second or a share from 0 to 1. One that was left out is its default, or 0.
func (c *Call) Number(n int) float64 { return numeric(c.param(n), c.Get(n)) }

// Int returns a whole number. One that was left out is its default, or 0.
func (c *Call) Int(n int) int { return int(c.Number(n)) }

// Text returns a string. One that was left out is its default, or "".
func (c *Call) Text(n int) string { return textual(c.param(n), c.Get(n)) }

// Bool returns a boolean, false where it was left out.
func (c *Call) Bool(n int) bool { return lua.LVAsBool(c.Get(n)) }

// Func returns a function, nil where it was left out.
func (c *Call) Func(n int) *lua.LFunction { f, _ := c.Get(n).(*lua.LFunction); return f }

// Addr returns an address, the zero one where it was left out.
func (c *Call) Addr(n int) netip.Addr { a, _ := parseAddr(lua.LVAsString(c.Get(n))); return a }

// Prefix returns a network, the zero one where it was left out.
func (c *Call) Prefix(n int) netip.Prefix { p, _ := parsePrefix(lua.LVAsString(c.Get(n))); return p }

// Masked returns a value and its mask, all ones where none was given.
func (c *Call) Masked(n int) (val, mask uint32) { return masked(c.Get(n)) }

// Table returns an argument that is a table. One that was left out has no
// fields.
func (c *Call) Table(n int) *Table {
	t := &Table{call: c, params: c.param(n).fields()}
	t.T, _ = c.Get(n).(*lua.LTable)
	return t
}

// Return pushes results and returns their number.
func (c *Call) Return(vs ...lua.LValue) int {
	for _, v := range vs {
		c.L.Push(v)
	}
	return len(vs)
}

// Raise raises err unless it is nil.
func (c *Call) Raise(err error) {
	if err == nil {
		return
	}
	var exit *luaerr.Exit
	if errors.As(err, &exit) {
		luaerr.Raise(c.L, exit)
	}
	luaerr.Raise(c.L, luaerr.From(c.Op(), err))
}

// Bad raises an error about an argument that fits its type and still cannot
// be.
func (c *Call) Bad(name, format string, args ...any) {
	luaerr.Raise(c.L, luaerr.New(luaerr.ETYPE, c.Op(), "bad argument %q of %s: %s", name, c.Op(), fmt.Sprintf(format, args...)))
}

// Unknown raises an error about a word that is none of those it could be.
func (c *Call) Unknown(what, word string, among []string) {
	e := luaerr.New(luaerr.EFIELD, c.Op(), "%s: unknown %s %q", c.Op(), what, word)
	luaerr.Raise(c.L, e.WithHint(luaerr.DidYouMean(word, among)))
}

// param is the declaration of an argument.
func (c *Call) param(n int) *Param {
	s := c.decl.Signature()
	switch {
	case n <= len(s.Params):
		return &s.Params[n-1]
	case s.more != nil:
		return s.more
	}
	panic(fmt.Sprintf("%s has no argument %d", c.Op(), n))
}

// fields are those of the alternative that is a table with known fields.
func (p *Param) fields() []Param {
	for i := range p.Type {
		if p.Type[i].Base == "fields" {
			return p.Type[i].Fields
		}
	}
	return nil
}

// numeric reads a value that fits p.
func numeric(p *Param, v lua.LValue) float64 {
	if v == lua.LNil {
		if p.Default == "" {
			return 0
		}
		v = lua.LString(p.Default)
	}
	if n, ok := v.(lua.LNumber); ok {
		return float64(n)
	}
	for i := range p.Type {
		if u, ok := units[p.Type[i].Base]; ok {
			n, _ := u.parse(v.String())
			return n
		}
	}
	n, _ := unit.ParseSize(v.String()) // a default: plain digits
	return n
}

func textual(p *Param, v lua.LValue) string {
	if v == lua.LNil {
		return p.Default
	}
	return lua.LVAsString(v)
}

func masked(v lua.LValue) (val, mask uint32) {
	if n, ok := v.(lua.LNumber); ok {
		return uint32(n), ^uint32(0)
	}
	val, mask, _ = unit.ParseMasked(lua.LVAsString(v))
	return val, mask
}

// check raises an error unless the arguments fit the signature.
func (c *Call) check() {
	s := c.decl.Signature()
	got := c.Len()
	if got > len(s.Params) && s.more == nil {
		luaerr.Raise(c.L, luaerr.New(luaerr.ETYPE, c.Op(), "%s takes %s, got %d", c.Op(), s.count(), got))
	}
	for i := range max(got, len(s.Params)) {
		p := c.param(i + 1)
		v := c.Get(i + 1)
		if v == lua.LNil && (p.Optional || i >= len(s.Params)) {
			continue
		}
		if m := p.Type.fit(v); m != nil {
			c.Bad(p.Name, "%s", m.text)
		}
		if fields := p.fields(); fields != nil {
			if t, ok := v.(*lua.LTable); ok {
				c.checkFields(p.Name, fields, t)
			}
		}
	}
}

// count says how many arguments s takes.
func (s *Signature) count() string {
	switch len(s.Params) {
	case 0:
		return "no arguments"
	case 1:
		return "at most 1 argument"
	}
	return fmt.Sprintf("at most %d arguments", len(s.Params))
}

func (c *Call) checkFields(name string, fields []Param, t *lua.LTable) {
	known := make(map[string]*Param, len(fields))
	for i := range fields {
		known[fields[i].Name] = &fields[i]
	}
	// A field that is misspelt comes before the one that is missing for it.
	t.ForEach(func(k, v lua.LValue) {
		s, ok := k.(lua.LString)
		if item := known["..."]; !ok && item != nil {
			if m := item.Type.fit(v); m != nil {
				c.Bad(name, "item %s: %s", k, m.text)
			}
			return
		}
		if !ok {
			c.Bad(name, "unexpected item %s: want named fields", k)
		}
		if known[string(s)] == nil {
			names := make([]string, len(fields))
			for i := range fields {
				names[i] = fields[i].Name
			}
			c.Unknown("field", string(s), names)
		}
	})
	for i := range fields {
		f := &fields[i]
		if f.Name == "..." {
			continue
		}
		if v := t.RawGetString(f.Name); v != lua.LNil || !f.Optional {
			if m := f.Type.fit(v); m != nil {
				c.Bad(f.Name, "%s", m.text)
			}
		}
	}
}
