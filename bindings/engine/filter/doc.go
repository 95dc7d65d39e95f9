// Package filter is the language in which flows are selected:
//
//	tcp and dport == ssh and src in 10.0.0.0/8 and not assured
//
// A text is read by [Parse] into an expression, checked against the field
// table with its parameters by [Compile], and becomes a [Filter]: closures over
// a lazily decoded flow, without an allocation a flow.
//
// Logic has three values. A comparison with a field that the flow lacks is
// unknown, and so is its negation; only what is true selects, and whatever is
// not false is protected. So "not bytes > 10MB" selects nothing where
// accounting is off.
//
// The package must not do I/O, know Lua, or take time that is not linear in the
// flow: patterns are globs, and there are no regular expressions.
package filter
