// Package value carries values across the border between Lua and Go: it takes
// the arguments of a binding apart and names the one that is wrong, reads and
// writes units, and makes a Lua object of a Go type in a few lines.
//
// It must not know what the values are about: no flow, no kernel.
package value
