// Package query runs selections over flows and whatever else has rows:
// expectations, counters, frozen flows, and what other queries computed.
//
// A [Query] is a value: a [Source], a filter that the source is asked to apply,
// and stages behind it (select, sort, group ...). Every verb makes another
// one, and nothing runs until rows are asked for. Rows stream through the
// stages one by one; only those that must see all rows, such as a sort, hold
// any.
//
// The source of flows plans how it reads: flows that are named whole are asked
// for one by one, what of a filter the kernel was seen to do right is left to
// it, and everything it returns is checked again. [Query.Explain] tells what
// was decided.
//
// The package must not know Lua or open a socket.
package query
