// Package pattern matches Lua 5.1 patterns: find, match, gmatch and gsub all
// rest on [Matcher.Find].
//
// A pattern is compiled once, into a straight line of instructions. Matching
// keeps its choices on a list that is never longer than the pattern, so that no
// subject can exhaust a stack, and pays for every byte it looks at out of a
// [Budget], so that no pattern runs for ever. Patterns and subjects are bytes;
// NUL is one like others.
//
// It must not know Lua values or states, keep a subject once a call is over,
// or be used by two goroutines at a time.
package pattern
