// Package stdlib holds the modules written in Lua that are part of the program.
//
// It must not import anything of ours: it is only files.
package stdlib
