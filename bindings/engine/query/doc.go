// Package query reads flows: it holds the table of fields, compiles a filter
// to a predicate and to what the kernel can take of it, and runs it over a
// conntrack Kernel.
//
// A filter in this package is a conjunction of exact terms, the table form of
// the filter language. A field that a flow does not have never selects it.
//
// The package must not know Lua or open a socket.
package query
