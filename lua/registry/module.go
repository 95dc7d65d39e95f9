package registry

import (
	lua "github.com/yuin/gopher-lua"
)

// Module declares a table of functions that share a Go value: what "fs" or
// "ct" stands for in a script. The module without a name is a part of the
// prelude: its functions are globals.
type Module[T any] struct {
	*Family
	funcs  []function[T]
	values []member[T]
}

type function[T any] struct {
	decl *Decl
	fn   func(T, *Call) int
}

type member[T any] struct {
	decl *Decl
	get  func(*lua.LState, T) lua.LValue
}

// NewModule declares a module.
func NewModule[T any](name, doc string) *Module[T] {
	return &Module[T]{Family: newFamily(name, doc, true)}
}

// Func declares a function.
func (m *Module[T]) Func(sig, doc string, fn func(T, *Call) int) *Module[T] {
	m.funcs = append(m.funcs, function[T]{m.add(KindFunction, sig, doc), fn})
	return m
}

// Value declares `name: type`, something that is made once a state.
func (m *Module[T]) Value(text, doc string, get func(*lua.LState, T) lua.LValue) *Module[T] {
	m.values = append(m.values, member[T]{m.add(KindValue, text, doc), get})
	return m
}

// Example gives the last member an example, or before the first one the
// module.
func (m *Module[T]) Example(text string) *Module[T] { m.example(text); return m }

// Raises says what the last member raises beyond a bad argument.
func (m *Module[T]) Raises(text string) *Module[T] { m.last().Errors = text; return m }

// Since says with which version the last member came.
func (m *Module[T]) Since(version string) *Module[T] { m.last().Since = version; return m }

// Table makes the module for a state.
func (m *Module[T]) Table(L *lua.LState, self T) *lua.LTable {
	t := L.CreateTable(0, len(m.Members))
	m.Open(L, self, func(name string, v lua.LValue) { t.RawSetString(name, v) })
	return t
}

// Open hands every member to set, under its name: for globals.
func (m *Module[T]) Open(L *lua.LState, self T, set func(name string, v lua.LValue)) {
	for _, f := range m.funcs {
		set(nameOf(f.decl.Text), remember(L, f.decl, L.NewFunction(func(L *lua.LState) int {
			c := &Call{L: L, decl: f.decl}
			c.check()
			return f.fn(self, c)
		})))
	}
	for _, v := range m.values {
		set(nameOf(v.decl.Text), v.get(L, self))
	}
}
