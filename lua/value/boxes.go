package value

import (
	lua "github.com/yuin/gopher-lua"
)

// Boxes makes Lua values of what recurs from row to row without an allocation
// for each: Go allocates whenever a number or string becomes an interface. It
// is bounded, and used by one goroutine.
type Boxes struct {
	pages [256]*[256]lua.LValue
	texts map[string]lua.LValue
}

// maxTexts bounds the texts that are kept: addresses and names of a stream
// repeat, and where they do not there is nothing to gain.
const maxTexts = 4096

// Number returns n. Whole numbers below 65536 (ports, states, flags) are made
// once.
func (b *Boxes) Number(n float64) lua.LValue {
	i := uint(n)
	if i >= 1<<16 || float64(i) != n {
		return lua.LNumber(n)
	}
	page := b.pages[i>>8]
	if page == nil {
		page = new([256]lua.LValue)
		b.pages[i>>8] = page
	}
	v := page[i&0xff]
	if v == nil {
		v = lua.LNumber(n)
		page[i&0xff] = v
	}
	return v
}

// Text returns the string of p, which is not kept.
func (b *Boxes) Text(p []byte) lua.LValue {
	if v, ok := b.texts[string(p)]; ok { // the compiler makes no string of p here
		return v
	}
	if b.texts == nil || len(b.texts) >= maxTexts {
		b.texts = make(map[string]lua.LValue, 64)
	}
	s := string(p)
	v := lua.LValue(lua.LString(s))
	b.texts[s] = v
	return v
}

// Parameters are the names of the parameters of a Lua function, nil for one of
// Go or one that takes any number: a binding can pass it just what it names.
func Parameters(fn *lua.LFunction) []string {
	if fn.IsG || fn.Proto.IsVarArg != 0 {
		return nil
	}
	names := make([]string, 0, fn.Proto.NumParameters)
	for i := range int(fn.Proto.NumParameters) {
		names = append(names, fn.Proto.DbgLocals[i].Name)
	}
	return names
}
