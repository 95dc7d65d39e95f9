// Package vm hosts one Lua script: a gopher-lua state with the safe part of
// its library, strict globals, limits on what is parsed, errors that show the
// line they happened in, tasks, and an end that comes when it is asked for.
//
// # The language
//
// Scripts are Lua 5.1. What the library compiles or computes wrongly without a
// word is repaired (package syntax), replaced (package library), or refused
// with a position. These differences to Lua's own interpreter are left; a test
// compares both on programs made at random:
//
//   - Reading a global that nobody ever set is an error. One that was set to
//     nil, or that only other versions of Lua have, reads as nil.
//   - A -0 that was computed may read as 0, and prints as 0.
//   - x % y is exact, where Lua's own rounds for fractions and large numbers;
//     x % (1/0) is x for x > 0.
//   - goto and labels are there, as in Lua 5.2.
//   - A function runs below pcall on a thread of its own: yield does not cross
//     pcall, a metamethod, or the iterator of a for loop. Tasks do.
//   - The handler of xpcall runs when the frames of the function are gone.
//   - Messages of errors read differently; error objects have fields.
//   - pairs goes through the fields of a table in the order of their making.
//   - Compiled chunks are not read, string.dump is refused. Of debug there is
//     traceback and getinfo, of os what asks the clock and the environment and,
//     where files are allowed, remove, rename and tmpname.
//   - Bounds: 256 KiB of source, 200 levels of brackets and blocks, 2048 calls
//     inside each other, 100 protected calls inside each other, strings of 16
//     MiB made by one call, 25550 items in one constructor.
//
// It must not know what scripts are about: bindings add their globals from
// outside.
package vm
