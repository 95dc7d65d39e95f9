// Package conformance says how ctnetlink behaves, as one suite of tests: [Run]
// runs it on any kernel that can be reached, a real one in a fresh network
// namespace or package fake. Where the two differ the real one is right, and
// the fake is mended.
//
// A test here states a fact about the kernel, not about our client: it uses
// the client to say what is usual, and messages of its own (raw.go) for what
// the client refuses to say, such as a delete without a tuple.
//
// It is for tests only, and must not know which kernel it runs on.
package conformance
