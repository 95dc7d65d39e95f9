// Package probe asks the running kernel what of connection tracking it can do,
// and what it gets wrong.
//
// A [Feature] is tried by doing it: in a network namespace made for this one
// question, on flows made for it, and the answer ([Verdict]) is what came out,
// never what a version number promises. Answers are kept for the life of the
// process. A feature whose module is there and not loaded is not tried,
// because the question alone would load it.
//
// The package must not touch a namespace of anybody else, and decides nothing:
// who asks says what follows from the answer.
package probe
