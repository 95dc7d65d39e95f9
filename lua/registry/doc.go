// Package registry declares what scripts can use: every function, method and
// field once, with its signature, documentation and an example.
//
// A declaration is Go next to the code it describes:
//
//	var setType = registry.NewType[*set]("set", "a set of addresses").
//		Method("add(element: address, options?: {timeout?: duration}) -> plan", "plans to add an element", (*set).add).
//		Example("ct> s:add(\"10.0.0.1\", {timeout = \"10m\"})\nplan: add 10.0.0.1").
//		Field("name: string", "name of the set", func(_ *lua.LState, s *set) lua.LValue { return lua.LString(s.name) })
//
// From it come the checks of a call (a [Call] has arguments that fit the
// signature), the names in error messages, `help(x)` and the examples that the
// tests run. Signatures are read when they are first needed, so that a
// declaration costs nothing at start.
//
// The package must not know what is declared: no conntrack, no files.
package registry
