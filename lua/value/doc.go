// Package value carries values across the border between Lua and Go: it turns
// tables into Go values and back, and makes what recurs from row to row without
// an allocation.
//
// It must not know what the values are about: no flow, no kernel.
package value
