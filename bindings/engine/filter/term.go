package filter

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Rung is where a condition is decided. A higher one costs more a flow.
type Rung uint8

// The rungs, the cheapest first.
const (
	Kernel Rung = iota // before the flow is copied to user space
	Wire               // from what one message holds
	Go                 // worked out: computations, time, the machine
	Lua                // a function of a script
)

// String returns the name of the rung.
func (r Rung) String() string { return [...]string{"kernel", "wire", "go", "lua"}[min(r, Lua)] }

// Term is one of the conditions of a filter that must all hold.
type Term struct {
	// Text is the condition in its one form.
	Text string
	// Rung is the lowest that can decide it without the kernel: Wire or Go.
	Rung Rung
	// Needs are the sysctls without which new flows lack what it asks for.
	Needs []string
	// Part is what must be decoded to decide it.
	Part field.Part
	// Exact are the terms of [Filter.Exact] that it is, none where it compares
	// otherwise than with one value. The kernel may decide it by them.
	Exact []Exact
}

// Terms lists the conditions of f, those in parentheses one by one. The zero
// Filter has none.
func (f *Filter) Terms() (list []Term) {
	for _, p := range f.parts {
		c := newCompiler(p.params, p.env)
		for _, e := range conjuncts(p.expr) {
			t := Term{Text: Print(e), Rung: c.rung(e)}
			c.eachIn(e, func(f *field.Field) {
				t.Part |= f.Part
				if f.Needs != "" && !slices.Contains(t.Needs, f.Needs) {
					t.Needs = append(t.Needs, f.Needs)
				}
			})
			if x, ok := c.exactTerm(e); ok {
				t.Exact = []Exact{x}
			}
			list = append(list, t)
		}
	}
	return list
}

// Parts is everything that may have to be decoded to match f.
func (f *Filter) Parts() (p field.Part) {
	f.eachField(func(x *field.Field) { p |= x.Part })
	return p
}

// Needs lists the sysctls without which new flows lack something that f asks
// for, each once.
func (f *Filter) Needs() (list []string) {
	f.eachField(func(x *field.Field) {
		if x.Needs != "" && !slices.Contains(list, x.Needs) {
			list = append(list, x.Needs)
		}
	})
	return list
}

// eachField visits the fields that f asks for.
func (f *Filter) eachField(fn func(*field.Field)) {
	for _, p := range f.parts {
		newCompiler(nil, p.env).eachIn(p.expr, fn)
	}
}

// eachIn visits the fields that a condition asks for. The members of a set are
// none.
func (c *compiler) eachIn(e Expr, fn func(*field.Field)) {
	switch e := e.(type) {
	case And:
		for _, x := range e {
			c.eachIn(x, fn)
		}
	case Or:
		for _, x := range e {
			c.eachIn(x, fn)
		}
	case *Not:
		c.eachIn(e.X, fn)
	case *Cmp:
		c.eachField(e.L, fn)
		c.eachField(e.R, fn)
	case *In:
		c.eachField(e.X, fn)
	case *Glob:
		c.eachField(e.X, fn)
	case *Has:
		c.named(e.Field, fn)
	case *Flag:
		name := e.Name
		if _, ok := c.set.Lookup(name); !ok {
			name = "proto"
		}
		c.named(name, fn)
	}
}

func (c *compiler) named(name string, fn func(*field.Field)) {
	if f, ok := c.set.Lookup(name); ok {
		fn(f)
	}
}

// rung is the lowest that can decide a condition: Wire where stored fields are
// compared with constants.
func (c *compiler) rung(e Expr) (r Rung) {
	switch e := e.(type) {
	case And:
		return c.highest(e)
	case Or:
		return c.highest(e)
	case *Not:
		return c.rung(e.X)
	case *Glob:
		return Go
	case *Cmp:
		if !plainValue(e.L) || !plainValue(e.R) || c.isField(e.L) && c.isField(e.R) {
			return Go
		}
	case *In:
		if !plainValue(e.X) {
			return Go
		}
	}
	r = Wire
	c.eachIn(e, func(f *field.Field) {
		if f.Derived || f.Part&field.PartCells != 0 {
			r = Go
		}
	})
	return r
}

func (c *compiler) highest(list []Expr) (r Rung) {
	for _, e := range list {
		r = max(r, c.rung(e))
	}
	return r
}

// plainValue tells whether nothing is computed for a value.
func plainValue(v Val) bool {
	switch v.(type) {
	case *Call, *Arith:
		return false
	}
	return true
}

// isField tells whether a value is a field or any of several.
func (c *compiler) isField(v Val) bool {
	w, ok := v.(*Word)
	if !ok {
		return false
	}
	o := c.word(w)
	return o.field != nil || o.either != nil
}
