// Package keyed is bounded state by key for scripts that run for months: what
// a plain Lua table would be used for, except that a gopher-lua table never
// frees the keys it ever had.
//
// A [Map] holds at most so many keys and forgets what was not set for a while.
//
// It must not know what is kept; sums and windows over flows are elsewhere.
package keyed
