// Package vm hosts one Lua script: a gopher-lua state with the safe part of
// its library, strict globals, limits on what is parsed, errors that show the
// line they happened in, and an end that comes when it is asked for.
//
// It must not know what scripts are about: bindings add their globals from
// outside.
package vm
