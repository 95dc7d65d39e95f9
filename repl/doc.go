// Package repl is the prompt: it reads chunks of Lua, evaluates them and prints
// what they return. The last value that was printed is "_" for the next chunk.
//
// It must not know the kernel: the state it evaluates in comes from outside.
package repl
